"""Reports the file and the audience of an upload to Airflow's hook lineage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.files.scratch import is_scratch
from airflow_provider_iqm.runtime.best_effort import best_effort
from airflow_provider_iqm.runtime.running_task import running_task
from airflow_provider_iqm.wording import as_unicode

if TYPE_CHECKING:
    from airflow_provider_iqm.connection.settings import IQMConnection
    from airflow_provider_iqm.log import Log


class ReportingHook(Protocol):
    """The interface of a hook that reports lineage."""

    @property
    def log(self) -> Log:
        """The hook's logger."""

    @property
    def settings(self) -> IQMConnection:
        """The settings of the hook's connection."""


def report_file(hook: ReportingHook, file_path: str | Path) -> None:
    """
    Report the file that a hook uploads as its input.

    :param hook: The hook.
    :param file_path: The file as the user named it: a path, or a URL of object storage.
    """
    with best_effort(hook.log, "report the file to Airflow's hook lineage"):
        # Temporary copies aren't the user's files.
        if _is_collected() and not is_scratch(Path(file_path).parent):
            uri = as_unicode(str(file_path)) if "://" in str(file_path) else Path(file_path).absolute().as_uri()
            get_hook_lineage_collector().add_input_asset(context=hook, uri=uri)


def report_audience(hook: ReportingHook, audience_name: str, audience_id: int, *, replaced: Sequence[int] = ()) -> None:
    """
    Report the audience that a hook created or put in place as its output.

    :param hook: The hook.
    :param audience_name: The audience's name.
    :param audience_id: The audience's id.
    :param replaced: The audiences that it replaced in campaigns.
    """
    with best_effort(hook.log, "report the audience to Airflow's hook lineage"):
        if _is_collected():
            uri = matched_audience_asset(audience_name, workspace_host=hook.settings.credentials.workspace_host).uri
            extra: dict[str, Any] = {"audience_id": audience_id}
            if replaced:
                extra["replaced"] = list(replaced)
            get_hook_lineage_collector().add_output_asset(context=hook, uri=uri, asset_extra=extra)


def _is_collected() -> bool:
    # Lineage is collected from tasks only. Creating the collector imports the asset handlers of all providers, which
    # takes a second or more, so scripts and dry runs skip it.
    return running_task() is not None
