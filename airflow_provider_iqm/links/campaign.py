"""The link from a task to its campaigns in IQM's web app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_iqm.links.base import IQMLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


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

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the URL that the task pushed; an empty string if it changes no campaigns or hasn't pushed one yet.

        :param operator: The task.
        :param ti_key: The key of the task instance.
        """
        # Airflow logs an error for an XCom that doesn't exist.
        if all(getattr(operator, argument, "") is None for argument in ("replaces", "campaign_ids")):
            return ""
        return super().get_link(operator, ti_key=ti_key)
