"""Steps whose failure doesn't fail the task, because they only report its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_iqm.log import Log

MAX_REASON = 300
"""The maximum length of an error in the log."""


@contextmanager
def best_effort(log: Log, what: str) -> Iterator[None]:
    """
    Log an error of the block as a warning, and continue after it.

    For what follows an upload: lineage, asset events, XComs, links, stored state. An error there must not fail the
    task: the audience exists and costs money. Timeouts, SIGTERM and deferrals aren't an ``Exception`` in Airflow, and
    aren't caught.

    :param log: Where the error is logged.
    :param what: What is attempted, as in "push the audience's XComs".
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Airflow and its plugins may raise anything
        reason = " ".join(str(error).split())[:MAX_REASON]
        log.warning(
            "Failed to %s; continuing without it: %s%s", what, type(error).__name__, f": {reason}" if reason else ""
        )
