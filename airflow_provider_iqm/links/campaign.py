"""The link from a task to its campaigns in IQM's web app."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_iqm.links.base import IQMLink


def campaign_url(workspace_host: str, campaign_ids: Sequence[int]) -> str:
    """
    Return the URL of a campaign in IQM's web app, or of the list of campaigns if there are several.

    IQM doesn't document the URLs of campaigns. The browser doesn't send the part after ``#``, so even a wrong one opens
    the app.

    :param workspace_host: The workspace host without a scheme.
    :param campaign_ids: The campaigns' ids.
    """
    page = f"campaign/{campaign_ids[0]}" if len(campaign_ids) == 1 else "campaign"
    return f"https://{workspace_host}/#/{page}"


class IQMCampaignLink(IQMLink):
    """The button "IQM campaign" on a task's page."""

    name = "IQM campaign"
    url_key = "iqm_campaign_link"
    url = staticmethod(campaign_url)
