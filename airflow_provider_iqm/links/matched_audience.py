"""The link from a task to its audience in IQM's web app."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_iqm.links.base import IQMLink


def audience_url(workspace_host: str, audience_ids: Sequence[int]) -> str:
    """
    Return the URL of an audience in IQM's web app, or of the list of audiences if there are several.

    IQM doesn't document the URLs of audiences. The documented ones have their path after ``#`` (such as
    ``https://app.iqm.com/#/signup``). The browser doesn't send that part, so even a wrong one opens the app.

    :param workspace_host: The workspace host without a scheme.
    :param audience_ids: The audiences' ids.
    """
    page = f"audience/{audience_ids[0]}" if len(audience_ids) == 1 else "audience"
    return f"https://{workspace_host}/#/{page}"


class IQMAudienceLink(IQMLink):
    """The button "IQM audience" on a task's page."""

    name = "IQM audience"
    url_key = "iqm_audience_link"
    url = staticmethod(audience_url)
