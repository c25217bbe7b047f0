"""The way from a task's page in Airflow to its audience in IQM's web app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_iqm.hooks.iqm import IQMHook

XCOM_KEY = "iqm_audience_link"


def audience_url(workspace_host: str, audience_ids: Sequence[int]) -> str:
    """
    Return where IQM's web app shows an audience, or the list of audiences for several.

    IQM documents no addresses of audiences. Those of its web app that it does name have their path behind ``#`` (such
    as ``https://app.iqm.com/#/signup``); it stays in the browser, so the address opens the app at least.

    :param workspace_host: The workspace's host, without a scheme.
    :param audience_ids: The audiences.
    """
    page = f"audience/{audience_ids[0]}" if len(audience_ids) == 1 else "audience"
    return f"https://{workspace_host}/#/{page}"


class LinkedTask(Protocol):
    """A task that has a hook to IQM."""

    do_xcom_push: bool

    @property
    def hook(self) -> IQMHook:
        """The hook to IQM."""


class IQMAudienceLink(BaseOperatorLink):
    """
    The button "IQM audience" on a task's page.

    The task pushes its address to XCom as soon as it knows the audience, so that Airflow's web server needs neither
    the connection nor a request to IQM.
    """

    name = "IQM audience"

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
    def push(task: LinkedTask, context: Context, audience_ids: Sequence[int]) -> None:
        """
        Push the address of a task's audience, or audiences, to XCom.

        :param task: The task; one that pushes nothing to XCom has no link.
        :param context: Its context.
        :param audience_ids: The audiences.
        """
        if not task.do_xcom_push:
            return
        with best_effort(task.hook.log, "push the link to IQM to XCom"):
            workspace_host = task.hook.settings.credentials.workspace_host
            context["ti"].xcom_push(key=XCOM_KEY, value=audience_url(workspace_host, audience_ids))
