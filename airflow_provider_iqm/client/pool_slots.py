"""Which pace the requests of a process keep: that of its task's pool slots, or one of its own."""

from __future__ import annotations

import time
from collections.abc import Hashable

from airflow_provider_iqm.client.rate_limiter import Pace
from airflow_provider_iqm.connection.form import DEFAULT_REQUESTS_PER_MINUTE
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.runtime.running_task import RunningTask, running_task

MOST_SLOTS = 1000
"""A process that may send more in a window is not held up: it can't."""

_paces: dict[tuple[IQMConnection, Hashable], Pace] = {}


def pace_of_process(settings: IQMConnection) -> Pace | None:
    """
    Return the pace that all hooks of this process share for a connection, as long as it runs the same task.

    :param settings: The connection's settings.
    :return: The pace; ``None`` outside of tasks, unless the connection sets ``requests_per_minute``.
    """
    task = running_task()
    if task is None and settings.requests_per_minute is None:
        return None
    key = settings, task.identity if task else None
    return _paces.get(key) or _paces.setdefault(key, _pace(settings, task))


def pool_slots(settings: IQMConnection) -> int:
    """
    Return how many slots of the connection's ``rate_limit_pool`` the running task holds.

    :param settings: The connection's settings.
    """
    task = running_task()
    return task.pool_slots if task and task.pool == settings.rate_limit_pool else 0


def own_pace(settings: IQMConnection) -> Pace:
    """
    Return the pace of a process that holds no slots: a limit for this process only.

    :param settings: The connection's settings.
    """
    limit = settings.requests_per_minute or DEFAULT_REQUESTS_PER_MINUTE
    window = settings.rate_limit_window
    pace = Pace(window=window, even=False, label=f"this process sends at most {limit} in {window:g} s")
    pace.add(min(limit, MOST_SLOTS), free_at=time.monotonic())
    return pace


def slots_pace(settings: IQMConnection) -> Pace:
    """
    Return the pace of pool slots, without any slot yet.

    :param settings: The connection's settings.
    """
    window = settings.rate_limit_window
    label = f"a slot of pool {settings.rate_limit_pool} is one request in {window:g} s"
    return Pace(window=window, even=True, label=label)


def _pace(settings: IQMConnection, task: RunningTask | None) -> Pace:
    if task is None or task.pool != settings.rate_limit_pool:
        return own_pace(settings)
    pace = slots_pace(settings)
    # Whoever had the slots before may have used them up to the moment at which this task got them.
    pace.add(task.pool_slots, free_at=time.monotonic() - task.age + settings.rate_limit_window)
    return pace
