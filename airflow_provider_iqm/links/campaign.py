"""The way from a task's page in Airflow to its campaigns in IQM's web app."""

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
    Return where IQM's web app shows a campaign, or the list of campaigns for several.

    IQM documents no addresses of campaigns; what is behind ``#`` stays in the browser, so the address opens the app at
    least.

    :param workspace_host: The workspace's host, without a scheme.
    :param campaign_ids: The campaigns.
    """
    page = f"campaign/{campaign_ids[0]}" if len(campaign_ids) == 1 else "campaign"
    return f"https://{workspace_host}/#/{page}"


class IQMCampaignLink(BaseOperatorLink):
    """The button "IQM campaign" on a task's page; the task pushes its address to XCom."""

    name = "IQM campaign"

    @property
    def xcom_key(self) -> str:
        """Where Airflow 3 finds the address."""
        return XCOM_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the address that the task has pushed; an empty one where it has pushed none yet.

        :param operator: The task.
        :param ti_key: Its instance.
        """
        return XCom.get_value(ti_key=ti_key, key=XCOM_KEY) or ""

    @staticmethod
    def push(task: LinkedTask, context: Context, campaign_ids: Sequence[int]) -> None:
        """
        Push the address of a task's campaign, or campaigns, to XCom.

        :param task: The task; one that pushes nothing to XCom has no link.
        :param context: Its context.
        :param campaign_ids: The campaigns.
        """
        if not task.do_xcom_push:
            return
        with best_effort(task.hook.log, "push the link to IQM to XCom"):
            workspace_host = task.hook.settings.credentials.workspace_host
            context["ti"].xcom_push(key=XCOM_KEY, value=campaign_url(workspace_host, campaign_ids))
