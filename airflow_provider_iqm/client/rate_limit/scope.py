"""Selects what shares the rate limit of a connection: all hosts, this host, or pool slots."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_iqm.client.rate_limit.limiter import RateLimiter
from airflow_provider_iqm.client.rate_limit.pool_slots import SlotLedger
from airflow_provider_iqm.connection.form import DEFAULT_REQUESTS_PER_MINUTE
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMConnectionError, SharedStateError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.deployment import is_single_host
from airflow_provider_iqm.runtime.running_task import RunningTask, running_task
from airflow_provider_iqm.shared_state.account import account_key
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.postgres_store import PostgresStore
from airflow_provider_iqm.shared_state.redis_store import RedisStore
from airflow_provider_iqm.shared_state.shared_rate_limiter import SharedRateLimiter
from airflow_provider_iqm.shared_state.store import SharedStore

STORES: dict[str, Callable[[str], SharedStore]] = {"redis": RedisStore, "postgres": PostgresStore}
"""Connection type → the store that hosts share."""

_lock = threading.Lock()
_limiters: dict[Hashable, RateLimiter] = {}
_ledgers: dict[Hashable, SlotLedger] = {}
_is_on_single_host = threading.Event()
"""Never unset: the scope must not change while the scheduler or the triggerer restarts."""


def rate_limiter(
    settings: IQMConnection, log: Log, *, task: RunningTask | None, is_limited: bool = True
) -> RateLimiter | None:
    """
    Return the rate limiter that all hooks of this process share for a connection and a task.

    :param settings: The connection's settings.
    :param log: Logs the limit, and failures of the store.
    :param task: The task that sends the requests; None in a trigger or a script.
    :param is_limited: Whether there is a limit in scope ``pool`` even if the connection sets none.
    :return: The limiter; None if there is no limit.
    :raises IQMConnectionError: The connection in ``shared_state_conn_id`` doesn't exist or has the wrong type.
    """
    scope = rate_limit_scope(settings, is_task=task is not None)
    if scope == "pool" and not is_limited and settings.requests_per_minute is None:
        return None
    account = account_key(settings)
    limit = RateLimit(settings.requests_per_minute or DEFAULT_REQUESTS_PER_MINUTE, settings.rate_limit_window)
    process = account, task.identity if task else None
    key = process, limit, scope, settings.shared_state_conn_id
    with _lock:
        if key not in _limiters:
            if process not in _ledgers:
                _ledgers[process] = SlotLedger()
                if task and pool_slots(settings, task):
                    _ledgers[process].add_slots(task.pool_slots, age=task.age)
            store, shared_by = _open_store(settings, scope, log)
            _limiters[key] = RateLimiter(
                _ledgers[process],
                SharedRateLimiter(store, account, limit, log=log) if store else None,
                limit=limit,
                pool=settings.rate_limit_pool,
                shared_by=shared_by,
                log=log,
            )
        return _limiters[key]


def rate_limit_scope(settings: IQMConnection, *, is_task: bool) -> str:
    """
    Return what shares the rate limit of a connection: ``shared``, ``host`` or ``pool``.

    :param settings: The connection's settings.
    :param is_task: Whether this process runs a single task; other processes check again every minute until the scope
        is ``host``.
    """
    if uses_shared_store(settings):
        return "shared"
    if settings.rate_limit_scope != "auto":
        return settings.rate_limit_scope
    if not _is_on_single_host.is_set() and is_single_host(0 if is_task else int(time.monotonic() // 60)):
        _is_on_single_host.set()
    return "host" if _is_on_single_host.is_set() else "pool"


def uses_shared_store(settings: IQMConnection) -> bool:
    """
    Return whether a connection's request ledger, token and static lists are in a store that hosts share.

    :param settings: The connection's settings.
    """
    return settings.rate_limit_scope == "shared" or (
        settings.rate_limit_scope == "auto" and bool(settings.shared_state_conn_id)
    )


def open_store(conn_id: str) -> SharedStore:
    """
    Return the store that hosts share, not connected yet.

    :param conn_id: The Airflow connection to the store.
    :raises IQMConnectionError: The connection doesn't exist or has the wrong type.
    """
    try:
        conn_type = BaseHook.get_connection(conn_id).conn_type
    except AirflowNotFoundException as error:
        raise IQMConnectionError(
            f'Connection "{conn_id}" in shared_state_conn_id doesn\'t exist. Add it, or correct the ID.'
        ) from error
    if conn_type not in STORES:
        raise IQMConnectionError(
            f'Connection "{conn_id}" in shared_state_conn_id has type {conn_type}. '
            f"Use a connection of type {' or '.join(STORES)}."
        )
    return STORES[str(conn_type)](conn_id)


def pool_slots(settings: IQMConnection, task: RunningTask | None = None) -> int:
    """
    Return the number of slots of the connection's ``rate_limit_pool`` that a task holds.

    :param settings: The connection's settings.
    :param task: The task; by default, the running task.
    """
    task = task or running_task()
    return task.pool_slots if task and task.pool == settings.rate_limit_pool else 0


def _open_store(settings: IQMConnection, scope: str, log: Log) -> tuple[SharedStore | None, str]:
    """Return the store of a scope, if it has one, and a description of what shares it."""
    if scope == "shared":
        conn_id = settings.shared_state_conn_id
        return open_store(conn_id), f'shared through connection "{conn_id}"'
    if scope == "host":
        try:
            return HostStore(), "shared by all on this host"
        except SharedStateError as error:
            log.warning("%s", error)
    return None, ""
