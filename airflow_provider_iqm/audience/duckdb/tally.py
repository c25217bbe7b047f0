"""
Counts and sums over the records of a ``COPY``, which returns nothing but how many it wrote.

DuckDB's sequences keep them: to draw from one is the one thing that an expression leaves behind, and takes 10 ns. The
other ways, a second reading of the file or a Python function, take longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.duckdb.csv_queries import LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

_BITS = LINE_BYTES.bit_length()
"""Enough for whatever is counted of a record."""

_LOW_BITS = 8
"""Enough for most records, which are short."""


def draw(name: str) -> str:
    """Build the SQL expression that counts one; its value is at least 1."""
    return f"nextval('{name}')"


def draw_sum(name: str, number: str) -> str:
    """
    Build the SQL expression that adds a column's value; its own value is at least 0.

    A sequence can't be drawn from twice for one record, so each of the number's bits has its own.

    :param name: The sum's name.
    :param number: The column, whose values are from 0 to a record's greatest length.
    """
    bits = [f"CASE WHEN {number} & {1 << bit} > 0 THEN {draw(f'{name}{bit}')} ELSE 0 END" for bit in range(_BITS)]
    low, high = " + ".join(bits[:_LOW_BITS]), " + ".join(bits[_LOW_BITS:])
    return f"({low} + CASE WHEN {number} < {1 << _LOW_BITS} THEN 0 ELSE {high} END)"


def create_tallies(connection: DuckDBPyConnection, *, counts: Iterable[str], sums: Iterable[str]) -> None:
    """
    Set every count and sum to 0.

    :param connection: Where the records will be read.
    :param counts: The names that :func:`draw` is given.
    :param sums: The names that :func:`draw_sum` is given.
    """
    for name in [*counts, *(f"{name}{bit}" for name in sums for bit in range(_BITS))]:
        connection.execute(f"CREATE TEMP SEQUENCE {name}")


def read_tallies(connection: DuckDBPyConnection) -> dict[str, int]:
    """Give each sequence's count: that of a sum's bit has the bit's number behind the sum's name."""
    drawn = "SELECT sequence_name, coalesce(last_value, 0)::BIGINT FROM duckdb_sequences()"
    return dict(connection.execute(drawn).fetchall())


def read_sum(tallies: dict[str, int], name: str) -> int:
    """Put a sum together from its bits."""
    return sum(tallies[f"{name}{bit}"] << bit for bit in range(_BITS))
