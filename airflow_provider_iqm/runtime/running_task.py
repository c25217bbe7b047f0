"""The task that this process runs, if it does: its pool slots, and since when it holds them."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, get_current_context


@dataclass(frozen=True, kw_only=True)
class RunningTask:
    """
    A task that is being run.

    :param identity: What tells it from any other, and from its own other tries.
    :param pool: The pool that it runs in.
    :param pool_slots: How many slots it holds there.
    :param age: Seconds for which it has held them, at least.
    """

    identity: Hashable
    pool: str
    pool_slots: int
    age: float


def running_task() -> RunningTask | None:
    """Return the task that Airflow runs here and now; ``None`` in a script, a test of a connection or a triggerer."""
    try:
        context: Any = get_current_context()
    except (AirflowException, RuntimeError):
        return None
    task, ti = context.get("task"), context.get("ti")
    if task is None or ti is None:
        return None
    return RunningTask(
        identity=(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number),
        pool=task.pool,
        pool_slots=task.pool_slots,
        age=max(0.0, min(_process_age(), _age(ti.start_date))),
    )


def _age(start: datetime | None) -> float:
    return time.time() - start.timestamp() if start else 0.0


def _process_age() -> float:
    """
    Return the age of this process in seconds.

    Airflow runs each task in a process of its own. The task's start date doesn't serve alone: one that goes on after
    a deferral, or pokes after a pause, keeps its first start date but has held no slot in between.
    """
    import psutil

    # psutil reckons from the time of the system's start in whole seconds, so the age may be one second too much.
    return time.time() - psutil.Process().create_time() - 1
