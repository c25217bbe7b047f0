"""The hook to IQM, for somebody who looks on."""

from __future__ import annotations

import sys
import time

from airflow_provider_iqm.hooks.iqm import IQMHook

SECONDS_WORTH_A_BAR = 1.0
STEP = 0.25


class WatchedHook(IQMHook):
    """
    Talks to IQM's API, and shows its waits on the terminal, if stderr is one.

    :param iqm_conn_id: The connection to IQM, of the type ``iqm``.
    """

    def _sleep(self, seconds: float) -> None:
        if seconds < SECONDS_WORTH_A_BAR or not sys.stderr.isatty():
            super()._sleep(seconds)
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        end = time.monotonic() + seconds
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Waiting until IQM takes the next request", total=seconds)
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(STEP, left))
                progress.update(bar, completed=seconds - max(0.0, end - time.monotonic()))
