"""Work that may fail without failing the task: it only reports what the task has done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_iqm.log import Log

MAX_REASON = 300
"""How many characters of an error the log repeats."""


@contextmanager
def best_effort(log: Log, what: str) -> Iterator[None]:
    """
    Log an error of the block as a warning, and go on after it.

    For what a task tells others once its upload is done: lineage, asset events, XComs, links, stored state. An error
    there must not fail the task: the audience is there and paid for. What ends a task from outside (a timeout,
    SIGTERM, a deferral) is no ``Exception`` in Airflow, and is not caught.

    :param log: Where the error is logged.
    :param what: What is attempted, as in "push the audience's XComs".
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the code that is called is Airflow's and its plugins', and may raise anything
        reason = " ".join(str(error).split())[:MAX_REASON]
        log.warning(
            "Could not %s; going on without it: %s%s", what, type(error).__name__, f": {reason}" if reason else ""
        )
