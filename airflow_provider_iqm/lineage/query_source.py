"""The tables of a query as the lineage source of a list, found by OpenLineage's SQL parser."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.sqlparser import SQLParser, from_table_meta
from openlineage.client.event_v2 import InputDataset
from openlineage.client.facet_v2 import sql_job

from airflow_provider_iqm.databases.database import database_hook
from airflow_provider_iqm.lineage.source import LineageSource

if TYPE_CHECKING:
    from airflow.providers.openlineage.sqlparser import DatabaseInfo

log = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"%\(\w+\)s|%s")
"""Placeholders of database drivers that OpenLineage's SQL parser can't parse."""


def query_source(sql: str, conn_id: str, columns: Iterable[str]) -> LineageSource:
    """
    Return a query's tables as the source of a list.

    :param sql: The query.
    :param conn_id: The connection to the database.
    :param columns: The query's columns that are used.
    :return: The source; without tables if the query can't be parsed, or the database's hook doesn't support lineage.
    """
    try:
        tables = _find_tables(sql, conn_id, columns)
    # Database drivers have no common error class, and the audience's lineage is useful without tables.
    except Exception as error:  # noqa: BLE001
        log.info("Could not determine the query's tables; leaving them out of the lineage: %s", type(error).__name__)
        tables = LineageSource()
    return replace(tables, job_facets={"sql": sql_job.SQLJobFacet(query=SQLParser.normalize_sql(sql))})


def _find_tables(sql: str, conn_id: str, columns: Iterable[str]) -> LineageSource:
    hook = database_hook(conn_id)
    connection = hook.get_connection(conn_id)
    database = hook.get_openlineage_database_info(connection)
    if database is None:
        return LineageSource()
    parser = SQLParser(
        dialect=hook.get_openlineage_database_dialect(connection),
        default_schema=hook.get_openlineage_default_schema(),
    )
    parsed = parser.parse(SQLParser.split_sql_string(_PLACEHOLDER.sub("NULL", sql)))
    if parsed is None or parsed.errors:
        log.info("OpenLineage can't parse the query; leaving its tables out of the lineage")
        return LineageSource()
    return _trace_columns(parsed, database, columns)


def _trace_columns(parsed: Any, database: DatabaseInfo, columns: Iterable[str]) -> LineageSource:
    namespace = SQLParser.create_namespace(database)

    def name(table: Any) -> str:
        return from_table_meta(table, database.database, namespace, database.is_uppercase_names).name

    traced = {
        # Databases change the case of unquoted names.
        column.descendant.name.casefold(): [
            (namespace, name(origin.origin), origin.name) for origin in column.lineage if origin.origin
        ]
        for column in parsed.column_lineage
    }
    names = [name(table) for table in parsed.in_tables]
    # The parser doesn't list tables that only occur in a WITH clause.
    names += [table for origins in traced.values() for _, table, _ in origins]
    return LineageSource(
        inputs=[InputDataset(namespace=namespace, name=name) for name in dict.fromkeys(names)],
        origins={column: traced.get(column.casefold(), ()) for column in columns},
    )
