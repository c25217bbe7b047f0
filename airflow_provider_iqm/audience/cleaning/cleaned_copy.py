"""Write the cleaned copy of a list, and count what was dropped and repaired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.plan import (
    CONTENT,
    SUPPRESSED,
    Plan,
    damage_tally,
    fault_tally,
    repair_tally,
)
from airflow_provider_iqm.audience.damage.damage import found_damage
from airflow_provider_iqm.audience.duckdb.csv_queries import copy_options, quoted
from airflow_provider_iqm.audience.duckdb.functions import add_sha512
from airflow_provider_iqm.audience.duckdb.tally import create_tallies, read_sum, read_tallies
from airflow_provider_iqm.vocabulary import DataFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.audience.cleaning.suppression.loaded_keys import SuppressionKeys
    from airflow_provider_iqm.audience.cleaning_report import Suppression
    from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource
    from airflow_provider_iqm.audience.damage.damage import Damage


@dataclass(frozen=True)
class CleanedCopy:
    """
    What was counted while the cleaned copy was written.

    :param plan: The plan.
    :param path: The copy.
    :param records: Records in the copy.
    :param duplicates: Records dropped as duplicates.
    :param tallies: The plan's tallies.
    :param keys: The keys of the suppression list, if there is one.
    """

    plan: Plan
    path: Path
    records: int
    duplicates: int
    tallies: dict[str, int]
    keys: SuppressionKeys | None = None

    @property
    def faults(self) -> Counter[int]:
        """Number of a fault → records dropped for it."""
        return +Counter({number: self.tallies[fault_tally(number)] for number in range(len(self.plan.faults))})

    @property
    def records_read(self) -> int:
        """Records in the original list."""
        return self.records + self.duplicates + self.suppressed + self.faults.total()

    @property
    def suppressed(self) -> int:
        """Valid records dropped because of the suppression list."""
        return self.tallies[SUPPRESSED]

    @property
    def suppression(self) -> Suppression | None:
        """What the suppression list has done."""
        return self.keys.summarize(self.suppressed) if self.keys else None

    @property
    def content_bytes(self) -> int:
        """Bytes of content that DuckDB read."""
        return read_sum(self.tallies, CONTENT)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Damage found in the original list's values."""
        return found_damage(self.plan.checks, [self.tallies[damage_tally(i)] for i in range(len(self.plan.checks))])

    @property
    def dropped(self) -> dict[str, int]:
        """Reason → records dropped."""
        dropped: Counter[str] = Counter()
        for number, count in self.faults.items():
            dropped[self.plan.faults[number].reason] += count
        return dict(dropped)

    @property
    def repaired(self) -> dict[str, int]:
        """Kind of repair and column → values repaired."""
        counts = {repair.label: self.tallies[repair_tally(i)] for i, repair in enumerate(self.plan.repairs)}
        return {label: count for label, count in counts.items() if count}


def write_cleaned_copy(
    connection: DuckDBPyConnection,
    plan: Plan,
    source: DuckDBSource,
    output: Path,
    cleaning: Cleaning,
    keys: SuppressionKeys | None = None,
) -> CleanedCopy:
    """
    Write the cleaned copy.

    :param connection: Connection to DuckDB.
    :param plan: The plan.
    :param source: The list.
    :param output: File to write.
    :param cleaning: Cleaning options.
    :param keys: The keys of the suppression list, in the same connection.
    :raises duckdb.Error: DuckDB can't read the list, or lacks memory or disk space.
    """
    counts = [*map(fault_tally, range(len(plan.faults))), *map(damage_tally, range(len(plan.checks))), SUPPRESSED]
    counts += map(repair_tally, range(len(plan.repairs)))
    create_tallies(connection, counts=counts, sums=[CONTENT])
    if DataFormat.SHA512 in cleaning.hashes().values():
        add_sha512(connection)
    outputs, duplicates = ", ".join(plan.outputs), 0
    records = f"SELECT {outputs} FROM ({plan.records}) WHERE {plan.is_kept()}"  # noqa: S608
    if cleaning.drop_duplicates or keys:
        duplicates = _find_kept(connection, plan, keys, drop_duplicates=cleaning.drop_duplicates)
        records = f"SELECT {outputs} FROM ({_numbered_records(plan)}) WHERE {_is_in_kept(connection)}"  # noqa: S608
    options = f"{copy_options(source.columns)}, USE_TMP_FILE false"
    kept = _count(connection, f"COPY ({records}) TO {quoted(str(output))} ({options})")
    return CleanedCopy(plan, output, kept, duplicates, read_tallies(connection), keys)


def find_invalid_records(connection: DuckDBPyConnection, plan: Plan) -> Iterator[tuple[int, int]]:
    """
    Yield the number of each invalid record, and the number of its fault.

    :param connection: Connection to DuckDB.
    :param plan: The plan.
    """
    numbered = f"SELECT n, {plan.fault_number()} AS fault FROM ({_numbered_records(plan)})"  # noqa: S608
    found = connection.execute(f"SELECT n, fault FROM ({numbered}) WHERE fault IS NOT NULL ORDER BY n")  # noqa: S608
    while rows := found.fetchmany(10_000):
        yield from rows


def _numbered_records(plan: Plan) -> str:
    """Number the records from 1, in the file's order: DuckDB numbers them in a single thread."""
    return f"SELECT *, row_number() OVER () AS n FROM ({plan.records})"  # noqa: S608


def _find_kept(
    connection: DuckDBPyConnection, plan: Plan, keys: SuppressionKeys | None, *, drop_duplicates: bool
) -> int:
    """
    Create the table ``kept`` with the numbers of the records to keep.

    It is a pass of its own, because neither the search for duplicates nor that for keys keeps the list's order.

    :return: The number of duplicates.
    """
    records, is_kept = _numbered_records(plan), plan.is_kept()
    if keys:
        records, is_kept = keys.mark(records), plan.is_kept(suppressed="suppressed")
    query = f"SELECT n, 0 AS more FROM ({records}) WHERE {is_kept}"  # noqa: S608
    if drop_duplicates:
        query = (
            f"SELECT min(n) AS n, count(*) - 1 AS more FROM ({records}) "  # noqa: S608
            f"WHERE {is_kept} GROUP BY {plan.identity}"
        )
    connection.execute(f"CREATE TEMP TABLE kept AS {query}")
    return _count(connection, "SELECT coalesce(sum(more), 0)::BIGINT FROM kept")


def _is_in_kept(connection: DuckDBPyConnection) -> str:
    """Build the condition that the number of a record is in the table ``kept``."""
    # A bit for each record, not a join, which loses the list's order if its table doesn't fit into the memory.
    last = _count(connection, "SELECT coalesce(max(n), 0) FROM kept")
    bits = f"SELECT bitstring_agg(n, 0::BIGINT, {last}::BIGINT) FROM kept"  # noqa: S608
    connection.execute(f"SET VARIABLE kept = ({bits})")
    return f"CASE WHEN n <= {last} THEN get_bit(getvariable('kept'), n::INTEGER) = 1 ELSE false END"


def _count(connection: DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
