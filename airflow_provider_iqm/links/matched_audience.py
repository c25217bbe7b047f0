"""The link from a task to its audience in IQM's web app."""

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
    Return the URL of an audience in IQM's web app, or of the list of audiences if there are several.

    IQM doesn't document the URLs of audiences. The documented ones have their path after ``#`` (such as
    ``https://app.iqm.com/#/signup``). The browser doesn't send that part, so even a wrong one opens the app.

    :param workspace_host: The workspace host without a scheme.
    :param audience_ids: The audiences' ids.
    """
    page = f"audience/{audience_ids[0]}" if len(audience_ids) == 1 else "audience"
    return f"https://{workspace_host}/#/{page}"


class LinkedTask(Protocol):
    """A task with a hook to IQM."""

    do_xcom_push: bool

    @property
    def hook(self) -> IQMHook:
        """The hook to IQM."""


class IQMAudienceLink(BaseOperatorLink):
    """
    The button "IQM audience" on a task's page.

    The task pushes the URL to XCom as soon as it knows the audience's id, so the web server needs neither the
    connection nor a request to IQM.
    """

    name = "IQM audience"

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
    def push(task: LinkedTask, context: Context, audience_ids: Sequence[int]) -> None:
        """
        Push the URL of a task's audiences to XCom, unless the task sets ``do_xcom_push=False``.

        :param task: The task.
        :param context: The task's context.
        :param audience_ids: The audiences' ids.
        """
        if not task.do_xcom_push:
            return
        with best_effort(task.hook.log, "push the link to IQM to XCom"):
            workspace_host = task.hook.settings.credentials.workspace_host
            context["ti"].xcom_push(key=XCOM_KEY, value=audience_url(workspace_host, audience_ids))
