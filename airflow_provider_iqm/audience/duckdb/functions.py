"""Functions that DuckDB lacks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def add_sha512(connection: DuckDBPyConnection) -> None:
    """
    Add the function ``sha512`` if the connection doesn't have it yet.

    :param connection: The connection.
    """
    found = connection.execute("SELECT 1 FROM duckdb_functions() WHERE function_name = 'sha512' LIMIT 1")
    if not found.fetchone():
        connection.create_function("sha512", _sha512, ["VARCHAR"], "VARCHAR")


def _sha512(value: str) -> str:
    return hashlib.sha512(value.encode()).hexdigest()
