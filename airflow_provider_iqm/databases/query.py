"""Run a query on any database that Airflow's common-sql supports, and stream its result to a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.databases.database import hook_conn_id, open_connection
from airflow_provider_iqm.databases.errors import error_text
from airflow_provider_iqm.databases.fetched_result import FetchedResult
from airflow_provider_iqm.databases.postgres_copy import CopiedResult
from airflow_provider_iqm.databases.query_result import Parameters, QueryResult
from airflow_provider_iqm.exceptions import QueryFailedError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


@contextmanager
def open_query(hook: DbApiHook, sql: str, parameters: Parameters | None = None) -> Iterator[QueryResult]:
    """
    Run a query, and close the connection afterwards. Nothing is committed.

    Postgres exports the result itself, as CSV. For other databases, rows are fetched; for Redshift, from a server-side
    cursor.

    :param hook: The database hook.
    :param sql: A single query, with or without a trailing semicolon.
    :param parameters: Values of the placeholders, in the driver's style.
    :raises QueryFailedError: The connection or the query failed.
    """
    sql = sql.strip().removesuffix(";")
    conn_id = hook_conn_id(hook)
    with open_connection(hook) as connection:
        try:
            yield _result(hook, connection, sql, parameters, conn_id=conn_id)
        except MemoryError as error:
            raise QueryFailedError(f'Connection "{conn_id}": the query failed: {error_text(error, sql)}') from None


def _result(hook: DbApiHook, connection: Any, sql: str, parameters: Parameters | None, *, conn_id: str) -> QueryResult:
    if getattr(hook, "conn_type", None) != "postgres":
        return FetchedResult(connection, sql, parameters, conn_id=conn_id, on_server=False)
    if hook.connection_extra.get("redshift") or hook.connection_extra.get("redshift-serverless"):
        return FetchedResult(connection, sql, parameters, conn_id=conn_id, on_server=True)
    return CopiedResult(connection, sql, parameters, conn_id=conn_id)
