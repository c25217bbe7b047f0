"""The token and the static lists that the tasks of a connection share, in the store of the rate limit."""

from __future__ import annotations

from typing import Any

from airflow_provider_iqm.client.rate_limit.scope import open_store, uses_shared_store
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.static_lists_value import StaticListsValue
from airflow_provider_iqm.shared_state.token_value import TokenValue


def shared_login(iqm_conn_id: str, settings: IQMConnection, log: Log) -> dict[str, Any]:
    """
    Return the arguments that make a dialect share its token and static lists.

    They are in the shared store if the connection uses one, otherwise in a file on this host.

    :param iqm_conn_id: The connection's id.
    :param settings: Its settings.
    :param log: Logs failures of the store.
    :raises IQMConnectionError: The connection in ``shared_state_conn_id`` doesn't exist or has the wrong type.
    """
    try:
        store = open_store(settings.shared_state_conn_id) if uses_shared_store(settings) else HostStore()
    except SharedStateError as error:
        log.warning("Tasks don't share the token: %s", error)
        return {}
    return {
        "shared": TokenValue.of(store, iqm_conn_id, settings, log),
        "static_lists": StaticListsValue.of(store, iqm_conn_id, settings, log),
    }
