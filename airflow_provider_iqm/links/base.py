"""What the links to IQM's web app share: the task pushes a URL to XCom, and Airflow shows it as a button."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_iqm.hooks.iqm import IQMHook


class LinkedTask(Protocol):
    """A task with a hook to IQM."""

    do_xcom_push: bool

    @property
    def hook(self) -> IQMHook:
        """The hook to IQM."""


class IQMLink(BaseOperatorLink):
    """
    A button on a task's page that opens a page of IQM's web app.

    The task pushes the URL to XCom as soon as it knows the ids, so the web server needs neither the connection nor a
    request to IQM.
    """

    url_key: ClassVar[str]
    """The XCom key of the URL."""

    @staticmethod
    @abstractmethod
    def url(workspace_host: str, ids: Sequence[int], /) -> str:
        """
        Return the URL of a page in IQM's web app, or of the list if there are several ids.

        :param workspace_host: The workspace host without a scheme.
        :param ids: The ids of what the page shows.
        """

    @property
    def xcom_key(self) -> str:
        """The XCom key of the URL, for Airflow 3."""
        return self.url_key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the URL that the task pushed; an empty string if it hasn't pushed one yet.

        :param operator: The task.
        :param ti_key: The key of the task instance.
        """
        return XCom.get_value(ti_key=ti_key, key=self.url_key) or ""

    @classmethod
    def push(cls, task: LinkedTask, context: Context, ids: Sequence[int]) -> None:
        """
        Push the URL to XCom, unless the task sets ``do_xcom_push=False``.

        :param task: The task.
        :param context: The task's context.
        :param ids: The ids of what the page shows.
        """
        if not task.do_xcom_push:
            return
        with best_effort(task.hook.log, "push the link to IQM to XCom"):
            workspace_host = task.hook.settings.credentials.workspace_host
            context["ti"].xcom_push(key=cls.url_key, value=cls.url(workspace_host, ids))
