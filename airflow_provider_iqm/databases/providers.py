"""Errors for database connections whose provider or driver isn't installed."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib.metadata import entry_points

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_iqm.exceptions import QueryError

_PACKAGES = {
    "athena": "amazon",
    "clickhouse": "clickhousedb",
    "databricks": "databricks",
    "db2": "ibm-db2",
    "drill": "apache-drill",
    "druid": "apache-druid",
    "duckdb": "duckdb",
    "elasticsearch": "elasticsearch",
    "exasol": "exasol",
    "gcpbigquery": "google",
    "gcpcloudsql": "google",
    "gcpcloudsqldb": "google",
    "google_cloud_platform": "google",
    "hive_cli": "apache-hive",
    "hiveserver2": "apache-hive",
    "impala": "apache-impala",
    "jdbc": "jdbc",
    "mssql": "microsoft-mssql",
    "mysql": "mysql",
    "odbc": "odbc",
    "oracle": "oracle",
    "pinot": "apache-pinot",
    "postgres": "postgres",
    "presto": "presto",
    "redshift": "amazon",
    "snowflake": "snowflake",
    "sqlite": "sqlite",
    "teradata": "teradata",
    "trino": "trino",
    "vertica": "vertica",
    "ydb": "ydb",
}
"""Connection type → provider package, without ``apache-airflow-providers-``."""

_ALIASES = {
    "bigquery": "gcpbigquery",
    "mariadb": "mysql",
    "sqlserver": "mssql",
    "sqlite3": "sqlite",
}

_SQL_ALTERNATIVES = {
    "google_cloud_platform": 'For BigQuery, use a connection of type "gcpbigquery".',
    "databricks": 'For Databricks SQL, use a connection of type "odbc" or "jdbc", or unload to object storage.',
    "aws": 'Use a connection of type "redshift" or "athena".',
}
"""Connection types whose hooks don't run SQL → what to use instead."""

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,100}")


def missing_provider(conn_id: str, conn_type: str | None) -> QueryError:
    """
    Return the error for a connection whose type no installed provider has.

    :param conn_id: Airflow connection id.
    :param conn_type: Connection type.
    """
    what = f'Connection "{conn_id}" is of type "{conn_type}"'
    if not conn_type:
        return QueryError(f'Connection "{conn_id}" has no type. Set its connection type, such as "postgres".')
    reason = _import_failure(conn_type)
    if reason is not None:
        return missing_module(conn_id, conn_type, reason)
    if conn_type in _PACKAGES:
        return QueryError(f"{what}, but its provider isn't installed. {_install(conn_type)}")
    near = _ALIASES.get(conn_type.casefold()) or next(iter(get_close_matches(conn_type.casefold(), _PACKAGES)), "")
    hint = f' Did you mean "{near}"?' if near else ""
    return QueryError(
        f"{what}, which no installed provider has.{hint} Correct the connection's type, or install its provider on the "
        "worker."
    )


def missing_module(conn_id: str, conn_type: str | None, error: BaseException) -> QueryError:
    """
    Return the error for a hook that failed to import a module.

    :param conn_id: Airflow connection id.
    :param conn_type: Connection type.
    :param error: The ``ImportError``, or an error caused by it.
    """
    cause = error if isinstance(error, ImportError) else error.__cause__ or error.__context__
    name = cause.name if isinstance(cause, ImportError) else None
    module = f"the module {name!r}" if name and _MODULE.fullmatch(name) else "a module"
    return QueryError(
        f'Connection "{conn_id}" (type "{conn_type}") needs {module}, which can\'t be imported. '
        f"Install the database's driver. {_install(conn_type)}"
    )


def no_sql_hook(conn_id: str, conn_type: str | None, hook: object) -> QueryError:
    """
    Return the error for a connection whose hook isn't for a SQL database.

    :param conn_id: Airflow connection id.
    :param conn_type: Connection type.
    :param hook: The hook.
    """
    what = _SQL_ALTERNATIVES.get(conn_type or "", "Use a connection to a SQL database.")
    return QueryError(
        f'Connection "{conn_id}" is of type "{conn_type}", whose hook ({type(hook).__name__}) doesn\'t run SQL. {what}'
    )


def _install(conn_type: str | None) -> str:
    package = _PACKAGES.get(conn_type or "")
    if not package:
        return "Install the connection type's provider with all its dependencies on the worker."
    return f"Run on the worker: pip install apache-airflow-providers-{package}"


def _import_failure(conn_type: str) -> Exception | None:
    """Return the error of importing an installed provider's hook, which Airflow doesn't report."""
    from airflow.providers.common.compat.module_loading import import_string

    for provider in entry_points(group="apache_airflow_provider"):
        try:
            types = provider.load()().get("connection-types", ())
        except ImportError:
            continue
        for kind in types:
            if kind["connection-type"] == conn_type:
                try:
                    import_string(kind["hook-class-name"])
                except (ImportError, AirflowOptionalProviderFeatureException) as error:
                    return error
    return None
