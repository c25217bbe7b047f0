"""The link from a task to its campaigns in IQM's web app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_iqm.links.matched_audience import LinkedTask

XCOM_KEY = "iqm_campaign_link"


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


class IQMCampaignLink(BaseOperatorLink):
    """The button "IQM campaign" on a task's page; the task pushes its URL to XCom."""

    name = "IQM campaign"

    @property
    def xcom_key(self) -> str:
        """The XCom key of the URL, for Airflow 3."""
        return XCOM_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the URL that the task pushed; an empty string if it hasn't pushed one yet.

        :param operator: The task.
        :param ti_key: The key of the task instance.
        """
        return XCom.get_value(ti_key=ti_key, key=XCOM_KEY) or ""

    @staticmethod
    def push(task: LinkedTask, context: Context, campaign_ids: Sequence[int]) -> None:
        """
        Push the URL of a task's campaigns to XCom, unless the task sets ``do_xcom_push=False``.

        :param task: The task.
        :param context: The task's context.
        :param campaign_ids: The campaigns' ids.
        """
        if not task.do_xcom_push:
            return
        with best_effort(task.hook.log, "push the link to IQM to XCom"):
            workspace_host = task.hook.settings.credentials.workspace_host
            context["ti"].xcom_push(key=XCOM_KEY, value=campaign_url(workspace_host, campaign_ids))
