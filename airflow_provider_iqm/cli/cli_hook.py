"""The hook of the command line."""

from __future__ import annotations

import sys
import time
from typing import Any

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_iqm.exceptions import IQMConnectionError
from airflow_provider_iqm.hooks.iqm import IQMHook

MIN_SECONDS = 1.0
"""The shortest wait that shows a progress bar."""
UPDATE_SECONDS = 0.25
"""Seconds between two updates of the progress bar."""


class CliHook(IQMHook):
    """
    The hook to IQM, which shows a progress bar while it waits, if stderr is a terminal.

    :param iqm_conn_id: The connection to IQM, of the type ``iqm``.
    """

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """
        Return a connection.

        :param conn_id: The connection's id.
        :raises IQMConnectionError: The connection isn't found; the message says how to add it.
        """
        try:
            return super().get_connection(conn_id)
        except AirflowNotFoundException:
            problem = _database_problem(conn_id)
            if problem:
                raise IQMConnectionError(
                    f'Connection "{conn_id}" not found in the environment or the secrets backends, and the database of '
                    f"the Airflow in {AIRFLOW_HOME} can't be read ({problem}). Run: airflow db check. If the database "
                    "is new, run: airflow db migrate"
                ) from None
            raise IQMConnectionError(
                f'Connection "{conn_id}" not found in the environment, the secrets backends or the database of the '
                f"Airflow in {AIRFLOW_HOME}. Add it in Airflow's UI (Admin > Connections, type IQM), or run: "
                f"airflow connections add {conn_id} --conn-type iqm --conn-login EMAIL --conn-password PASSWORD "
                """--conn-extra '{"client_id": "...", "client_secret": "..."}'"""
            ) from None

    def _sleep(self, seconds: float) -> None:
        if seconds < MIN_SECONDS or not sys.stderr.isatty():
            super()._sleep(seconds)
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        end = time.monotonic() + seconds
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Waiting to send the next request", total=seconds)
            while (remaining := end - time.monotonic()) > 0:
                time.sleep(min(UPDATE_SECONDS, remaining))
                progress.update(bar, completed=seconds - max(0.0, end - time.monotonic()))


def _database_problem(conn_id: str) -> str:
    """Return the error of Airflow's metadata database, which Airflow's search hides; empty if there is none."""
    from airflow.secrets.metastore import MetastoreBackend
    from sqlalchemy.exc import SQLAlchemyError

    try:
        MetastoreBackend().get_connection(conn_id)
    except SQLAlchemyError as error:
        return type(error).__name__
    return ""
