"""The hook to a database: what is missing is named, whatever the connection's type."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    BaseHook,
)

from airflow_provider_iqm.databases import providers
from airflow_provider_iqm.databases.database import database_hook, open_connection
from airflow_provider_iqm.exceptions import QueryError
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator


@pytest.fixture
def connect(monkeypatch):
    def to(conn_type, **more):
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": conn_type, **more}))

    return to


PACKAGES = {
    "athena": "amazon",
    "gcpbigquery": "google",
    "google_cloud_platform": "google",
    "hiveserver2": "apache-hive",
    "mssql": "microsoft-mssql",
    "mysql": "mysql",
    "odbc": "odbc",
    "oracle": "oracle",
    "redshift": "amazon",
    "snowflake": "snowflake",
    "teradata": "teradata",
    "trino": "trino",
    "vertica": "vertica",
    "databricks": "databricks",
    "duckdb": "duckdb",
    "postgres": "postgres",
    "sqlite": "sqlite",
}


@pytest.mark.parametrize("conn_type", PACKAGES)
def test_the_provider_of_the_type_is_named(connect, monkeypatch, conn_type):
    def unknown(self, **_):
        raise AirflowException(f'Unknown hook type "{conn_type}"')

    connect(conn_type)
    monkeypatch.setattr(type(BaseHook.get_connection("warehouse")), "get_hook", unknown)
    with pytest.raises(QueryError) as raised:
        database_hook("warehouse")
    message = str(raised.value)
    assert f'Connection "warehouse" is of type "{conn_type}", but its provider isn\'t installed.' in message
    assert message.endswith(f"pip install apache-airflow-providers-{PACKAGES[conn_type]}")


def test_the_task_fails_without_a_retry(connect):
    connect("snowflake")
    operator = SqlToMatchedAudienceOperator(
        task_id="sync",
        sql="SELECT 1",
        conn_id="warehouse",
        audience_name="x",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
    )
    with (
        pytest.raises(AirflowFailException, match="pip install apache-airflow-providers-snowflake"),
        operator.prepare_list(),
    ):
        pass


@pytest.mark.parametrize(
    ("conn_type", "message"),
    [
        ("bigquery", 'Did you mean "gcpbigquery"'),
        ("sqlit", 'Did you mean "sqlite"'),
        ("wormhole", "which no installed provider has. Correct"),
        ("", "has no type"),
        ("http", "whose hook .HttpHook. doesn't run SQL"),
    ],
)
def test_a_type_that_leads_to_no_database_is_told(connect, conn_type, message):
    connect(conn_type)
    with pytest.raises(QueryError, match=message):
        database_hook("warehouse")


@pytest.mark.parametrize("text", ["{", '{"conn_type": 7', "[]"])
def test_a_connection_that_cannot_be_read_is_told(monkeypatch, text):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f'{text}"password": "hunter2"')
    with pytest.raises(QueryError, match='"warehouse"') as raised:
        database_hook("warehouse")
    assert "hunter2" not in str(raised.value)


def test_a_hook_that_cannot_be_imported_is_told_by_its_missing_module(connect, monkeypatch, tmp_path):
    (tmp_path / "provider_with_driver.py").write_text("import driver_that_is_missing")
    monkeypatch.syspath_prepend(tmp_path)
    info = {"connection-types": [{"connection-type": "mysql", "hook-class-name": "provider_with_driver.Hook"}]}
    provider = SimpleNamespace(load=lambda: lambda: info)
    monkeypatch.setattr(providers, "entry_points", lambda group: [provider])
    connect("mysql")
    with pytest.raises(QueryError) as raised:
        database_hook("warehouse")
    assert "needs the module 'driver_that_is_missing', which can't be imported" in str(raised.value)
    assert "pip install apache-airflow-providers-mysql" in str(raised.value)


def import_fails():
    import driver_that_is_missing  # noqa: F401


def optional_feature_is_missing():
    try:
        import_fails()
    except ImportError as error:
        raise AirflowOptionalProviderFeatureException(error) from error


@pytest.mark.parametrize("get_conn", [import_fails, optional_feature_is_missing])
def test_a_driver_that_is_missing_when_connecting_is_told(get_conn):
    assert "driver_that_is_missing" not in sys.modules
    hook = SimpleNamespace(conn_name_attr="conn", conn="warehouse", conn_type="mssql", get_conn=get_conn)
    with pytest.raises(QueryError, match="needs the module 'driver_that_is_missing'") as raised, open_connection(hook):
        pass
    assert "apache-airflow-providers-microsoft-mssql" in str(raised.value)
