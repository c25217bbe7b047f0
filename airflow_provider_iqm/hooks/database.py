"""Airflow's hook to the database that a query is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

from airflow_provider_iqm.exceptions import QueryError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


def database_hook(conn_id: str) -> DbApiHook:
    """
    Return the hook that a connection's type asks for.

    :param conn_id: The connection.
    :raises QueryError: There is no such connection, its provider is not installed, or it leads to no SQL database.
    """
    # It brings a parser of SQL, which no Dag file needs.
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    try:
        # Without types in Airflow.
        connection: Any = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        connection = None
    if connection is None:
        raise QueryError(f'There is no connection "{conn_id}". Make it in Airflow, or correct conn_id.')
    try:
        hook = connection.get_hook()
    except (AirflowException, ImportError) as error:
        raise QueryError(
            f'Connection "{conn_id}" is of the type "{connection.conn_type}", for which Airflow has no hook: {error}. '
            "Install the type's provider on the worker, such as apache-airflow-providers-postgres."
        ) from error
    if not isinstance(hook, DbApiHook):
        raise QueryError(
            f'Connection "{conn_id}" is of the type "{connection.conn_type}", whose hook ({type(hook).__name__}) asks '
            "no SQL queries. Give the connection of a database that Airflow's common-sql reaches."
        )
    return hook
