"""The task that this process runs, and its pool slots."""

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
    A running task.

    :param identity: The identity of the task instance and its try.
    :param pool: The task's pool.
    :param pool_slots: The number of slots that it holds there.
    :param age: The minimum number of seconds for which it has held them.
    """

    identity: Hashable
    pool: str
    pool_slots: int
    age: float


def running_task() -> RunningTask | None:
    """Return the task that this process runs; None in a script, a connection test or a triggerer."""
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

    Airflow runs each task in its own process. The task's start date isn't sufficient: a task that resumes after a
    deferral, or is rescheduled, keeps its first start date but didn't hold a slot in between.
    """
    import psutil

    # psutil rounds the time of the system's start to seconds, so the age may be one second too much.
    return time.time() - psutil.Process().create_time() - 1
