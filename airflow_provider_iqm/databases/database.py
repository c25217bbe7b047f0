"""Airflow's hook for a database connection, and the connection that it opens."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowNotFoundException,
    AirflowOptionalProviderFeatureException,
    BaseHook,
)

from airflow_provider_iqm.databases.driver_logs import without_driver_logs
from airflow_provider_iqm.databases.errors import database_errors, error_text
from airflow_provider_iqm.databases.providers import missing_module, missing_provider, no_sql_hook
from airflow_provider_iqm.exceptions import QueryError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

log = logging.getLogger(__name__)


def database_hook(conn_id: str) -> DbApiHook:
    """
    Return the hook for a connection.

    :param conn_id: Airflow connection id.
    :raises QueryError: The connection doesn't exist or isn't for a SQL database, or its provider isn't installed.
    """
    # Imports a SQL parser, which no Dag file needs.
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    try:
        # Untyped in Airflow.
        connection: Any = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        connection = None
    except (AirflowException, ValueError, TypeError) as error:
        # For example, an AIRFLOW_CONN_… variable with invalid JSON. The error's text may contain a password.
        kind = type(error).__name__
        raise QueryError(f'Connection "{conn_id}" can\'t be read: {kind}. Correct its definition.') from None
    if connection is None:
        raise QueryError(f'Connection "{conn_id}" isn\'t defined. Add it in Airflow, or correct conn_id.')
    conn_type: str | None = connection.conn_type
    with database_errors(conn_id, "creating its hook"):
        try:
            hook = connection.get_hook()
        except ImportError as error:
            raise missing_module(conn_id, conn_type, error) from None
        except AirflowException:
            raise missing_provider(conn_id, conn_type) from None
    if not isinstance(hook, DbApiHook):
        raise no_sql_hook(conn_id, conn_type, hook)
    return hook


@contextmanager
def open_connection(hook: DbApiHook) -> Iterator[Any]:
    """
    Connect to a database, and close the connection afterwards. Nothing is committed.

    :param hook: The database hook.
    :raises QueryFailedError: The connection or the login failed.
    :raises QueryError: The database driver isn't installed.
    """
    conn_id = hook_conn_id(hook)
    with database_errors(conn_id, "connecting"), without_driver_logs():
        try:
            connection: Any = hook.get_conn()
        except (ImportError, AirflowOptionalProviderFeatureException) as error:
            raise missing_module(conn_id, hook.conn_type, error) from None
    with without_driver_logs(driver_package(connection)):
        try:
            yield connection
        finally:
            _close(connection, conn_id)


def hook_conn_id(hook: DbApiHook) -> str:
    """
    Return the id of a hook's connection.

    :param hook: The hook.
    """
    return str(getattr(hook, hook.conn_name_attr))


def driver_package(item: object) -> str:
    """
    Return the package of the driver of a connection or a cursor.

    :param item: The connection or the cursor.
    """
    return type(item).__module__.partition(".")[0]


def _close(connection: Any, conn_id: str) -> None:
    try:
        connection.close()
    # The result is complete by now, and an earlier error takes precedence.
    except Exception as error:  # noqa: BLE001 - drivers' errors have nothing in common
        log.warning('Connection "%s": closing failed: %s', conn_id, error_text(error))
