"""Clean a list with DuckDB: read, normalize, hash, filter and write it as a stream."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.plan import (
    CONTENT,
    MIXED,
    Plan,
    damage_tally,
    detect_hash,
    fault_tally,
    make_plan,
    repair_tally,
    sample_query,
)
from airflow_provider_iqm.audience.cleaning.quarantine import write_quarantine
from airflow_provider_iqm.audience.cleaning_report import CleaningReport
from airflow_provider_iqm.audience.csv.byte_scan import ByteScan, scan_bytes
from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource, copied_source, direct_source
from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.damage.damage import found_damage, header_damage, refused_with
from airflow_provider_iqm.audience.duckdb.csv_queries import connect, copy_options, quoted
from airflow_provider_iqm.audience.duckdb.errors import find_resource_error
from airflow_provider_iqm.audience.duckdb.tally import create_tallies, read_sum, read_tallies
from airflow_provider_iqm.audience.formats.plain_list import CSV
from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping, resolve_mapping
from airflow_provider_iqm.audience.prepared_list import PreparedList
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS, DataFormat
from airflow_provider_iqm.wording import display_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.audience.damage.damage import Damage
    from airflow_provider_iqm.audience.formats.plain_list import PlainList
    from airflow_provider_iqm.files.scratch import Scratch

_MAX_LISTED_RECORDS = 10
"""Maximum number of records listed in a message."""


class Cleaner:
    """
    Cleans one list.

    :param plain: The list as plain CSV.
    :param columns: File column → IQM field.
    :param settings: IQM field → setting, those of the hashed columns among them.
    :param cleaning: What is asked for.
    :param scratch: Where the cleaned copy is made.
    """

    def __init__(
        self,
        plain: PlainList,
        *,
        columns: Mapping[str, str],
        settings: Mapping[str, str] | None,
        cleaning: Cleaning,
        scratch: Scratch,
    ) -> None:
        self.plain = plain
        self.path = plain.path
        self.name = plain.display_name
        self.columns = columns
        self.settings = settings
        self.cleaning = cleaning
        self.scratch = scratch
        self._failure = "not every record was read"

    def clean(self) -> tuple[PreparedList, ColumnMapping]:
        """
        Make the cleaned copy.

        :return: The copy with its report, and its mapping.
        :raises AudienceFileError: The file can't be read, or too much of it can't be used.
        :raises ColumnMappingError: The mapping doesn't fit the file.
        """
        started = time.perf_counter()
        source = direct_source(self.path, name=self.name)
        done = self._try(source) if source else None
        if done is None:
            done = self._try(self._copy())
        if done is None:
            raise AudienceFileError(
                f"{self.name}: DuckDB could not clean the file ({self._failure}), though it has room and memory. "
                "Upload the list as it is, or report this as a bug."
            )
        file, mapping, dropped, duplicates, repaired = done
        report = CleaningReport(
            records_read=file.records + duplicates + dropped.total(),
            records_kept=file.records,
            dropped=dict(dropped),
            duplicates=duplicates,
            repaired=repaired,
            damage={damage.label: damage.count for damage in file.damage},
            seconds=time.perf_counter() - started,
        )
        return replace(file, report=report), mapping

    def prepared_list(
        self, path: Path, *, columns: tuple[str, ...], records: int, damage: tuple[Damage, ...]
    ) -> PreparedList:
        """
        Describe the cleaned copy; only its first records are read.

        :param path: The copy.
        :param columns: Its columns.
        :param records: Number of records.
        :param damage: Damage found in the list.
        """
        status = path.stat()
        rows = islice(read_records(path, name=self.name), 1, METADATA_SAMPLE_RECORDS + 1)
        first = [record for _, record in rows]
        return PreparedList(
            path=path,
            name=self.plain.csv_name,
            media_type=CSV,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            columns=columns,
            records=records,
            samples={column: tuple(record[position] for record in first) for position, column in enumerate(columns)},
            damage=damage,
            made_by="cleaning and hashing" if self.cleaning.hash_columns else "cleaning",
            original_size=self.plain.original_size,
        )

    def _copy(self) -> DuckDBSource:
        records = read_records(self.path, name=self.name)
        _, columns = read_header(records, name=self.name)
        return copied_source(columns, records, path=self.scratch.new_file("exact.csv"))

    def _try(
        self, source: DuckDBSource
    ) -> tuple[PreparedList, ColumnMapping, Counter[str], int, dict[str, int]] | None:
        """Clean a source; ``None`` where DuckDB can't be trusted with it."""
        import duckdb

        mapping = resolve_mapping(self.columns, self.settings, file_columns=source.columns)
        spill = self.scratch.path / "spill"
        failure = None
        with (
            ThreadPoolExecutor(1) as pool,
            closing(connect(memory_limit=self.cleaning.memory_limit, spill=spill, in_order=True)) as connection,
        ):
            # Python looks at the bytes while DuckDB, which doesn't need Python's lock, looks at the values.
            scan = pool.submit(scan_bytes, self.path)
            try:
                plan = self._plan(connection, source, mapping)
                output = self.scratch.new_file("clean.csv")
                kept, duplicates, tallies = _write(connection, plan, source, output, self.cleaning)
                faults = Counter({number: tallies[fault_tally(number)] for number in range(len(plan.faults))})
                records = kept + duplicates + faults.total()
                if not self._is_whole(source, records, read_sum(tallies, CONTENT), scan.result()):
                    return None
                damaged = found_damage(plan.checks, [tallies[damage_tally(item)] for item in range(len(plan.checks))])
                damage = (*header_damage(source.columns), *self.plain.damage, *damaged, *scan.result().garbled)
                with refused_with(damage, name=self.name):
                    self._check_invalid_records(connection, plan, faults, records=records)
            except duckdb.Error as error:
                # DuckDB's message quotes the file: it must not be shown, and the exact reading has a better one.
                self._failure = type(error).__name__
                failure = find_resource_error(
                    error,
                    name=self.name,
                    scratch_dir=self.cleaning.scratch_dir,
                    memory_limit=self.cleaning.memory_limit,
                    columns=len(source.columns),
                    source=self.path,
                )
                if failure is None:
                    return None
        if failure:
            raise failure
        dropped: Counter[str] = Counter()
        for number, count in (+faults).items():
            dropped[plan.faults[number].reason] += count
        repaired = {
            repair.label: count
            for number, repair in enumerate(plan.repairs)
            if (count := tallies[repair_tally(number)])
        }
        file = self.prepared_list(output, columns=source.columns, records=kept, damage=damage)
        return file, mapping, dropped, duplicates, repaired

    def _is_whole(self, source: DuckDBSource, records: int, content_bytes: int, scan: ByteScan) -> bool:
        """Check that DuckDB read the whole file, and nothing else."""
        if source.frame is None:
            return records == source.copied
        quotes = scan.quotes_between(source.frame.newline)
        if quotes is None:
            return False
        width = len(source.columns)
        surplus = source.frame.surplus(content_bytes, records=records, width=width, quotes=quotes)
        if surplus < 0:
            # The sampled values of a column had no quotes inside, but later ones may.
            return records == source.count(name=self.name, memory_limit=self.cleaning.memory_limit)
        return not surplus

    def _plan(self, connection: DuckDBPyConnection, source: DuckDBSource, mapping: ColumnMapping) -> Plan:
        """Detect which of the columns to hash are already hashed, and make the plan."""
        hashed = set()
        for column, algorithm in self.cleaning.hashes().items():
            row = connection.execute(sample_query(source, mapping, self.cleaning, column)).fetchone()
            found = detect_hash(row[0]) if row else None
            if found not in (None, algorithm):
                raise AudienceFileError(
                    f"{self.name}: the column {column!r} appears to be hashed with {found.value}, but hash_columns "
                    f"sets {algorithm.value}. Set it to {found.value}, or provide raw values."
                )
            if found:
                hashed.add(column)
        return make_plan(source, mapping, self.cleaning, hashed=hashed)

    def _check_invalid_records(
        self, connection: DuckDBPyConnection, plan: Plan, faults: Counter[int], *, records: int
    ) -> None:
        """Write the quarantine file, and raise if the list has too many invalid records."""
        if not records:
            raise AudienceFileError(
                f"{self.name}: the file has a header but no records. Check the query or export that wrote it."
            )
        for number, fault in enumerate(plan.faults):
            if fault.reason == MIXED and faults[number]:
                numbers = [record for record, found in _invalid_records(connection, plan) if found == number]
                raise AudienceFileError(
                    f"{self.name}: the column {fault.column!r} mixes raw and hashed values: "
                    f"{_describe_records(numbers)} unlike the first value. Provide only raw values, or only hashes of "
                    "one algorithm."
                )
        if self.cleaning.quarantine_path is not None:
            write_quarantine(self.cleaning.quarantine_path, plan, _invalid_records(connection, plan), name=self.name)
        invalid = faults.total()
        if not invalid:
            return
        reasons = ", ".join(
            f"{faults[number]:,} {fault.reason}" + (f" ({display_name(fault.column)})" if fault.column else "")
            for number, fault in enumerate(plan.faults)
            if faults[number]
        )
        if self.cleaning.on_invalid_records == "fail":
            numbers = [record for record, _ in islice(_invalid_records(connection, plan), _MAX_LISTED_RECORDS)]
            raise AudienceFileError(
                f"{self.name}: {invalid:,} of {records:,} records can't match: {reasons}. First invalid records: "
                f'{", ".join(map(str, numbers))}. Correct them, or drop them with on_invalid_records="drop".'
            )
        if invalid > self.cleaning.max_invalid_ratio * records:
            raise AudienceFileError(
                f"{self.name}: {invalid:,} of {records:,} records can't match, more than max_invalid_ratio "
                f"({self.cleaning.max_invalid_ratio:g}) allows: {reasons}. Check the query or export that wrote the "
                "file."
            )
        if invalid == records:
            raise AudienceFileError(
                f"{self.name}: all {records:,} records are invalid: {reasons}. Check the query or export that wrote "
                "the file."
            )


def _write(
    connection: DuckDBPyConnection, plan: Plan, source: DuckDBSource, output: Path, cleaning: Cleaning
) -> tuple[int, int, dict[str, int]]:
    """Write the cleaned copy, and return the records written, the duplicates dropped, and the plan's tallies."""
    counts = [*map(fault_tally, range(len(plan.faults))), *map(damage_tally, range(len(plan.checks)))]
    counts += map(repair_tally, range(len(plan.repairs)))
    create_tallies(connection, counts=counts, sums=[CONTENT])
    if DataFormat.SHA512 in cleaning.hashes().values():
        connection.create_function("sha512", _sha512, ["VARCHAR"], "VARCHAR")
    outputs = ", ".join(plan.outputs)
    records, duplicates = f"SELECT {outputs} FROM ({plan.records}) WHERE {plan.is_kept()}", 0  # noqa: S608
    if cleaning.drop_duplicates:
        numbered = _numbered_records(plan)
        # Otherwise, DuckDB may build the join's hash table from the list, and lose its order.
        connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        connection.execute(
            f"CREATE TEMP TABLE kept AS SELECT min(n) AS n, count(*) - 1 AS more FROM ({numbered}) "  # noqa: S608
            f"WHERE {plan.is_kept()} GROUP BY {plan.identity}"
        )
        duplicates = _count(connection, "SELECT coalesce(sum(more), 0)::BIGINT FROM kept")
        records = f"SELECT {outputs} FROM ({numbered}) WHERE n IN (SELECT n FROM kept)"  # noqa: S608
    options = f"{copy_options(source.columns)}, USE_TMP_FILE false"
    kept = _count(connection, f"COPY ({records}) TO {quoted(str(output))} ({options})")
    return kept, duplicates, read_tallies(connection)


def _numbered_records(plan: Plan) -> str:
    """Number the records from 1, in the file's order: DuckDB numbers them in a single thread."""
    return f"SELECT *, row_number() OVER () AS n FROM ({plan.records})"  # noqa: S608


def _invalid_records(connection: DuckDBPyConnection, plan: Plan) -> Iterator[tuple[int, int]]:
    """Yield the number of each invalid record, and the number of its fault."""
    numbered = f"SELECT n, {plan.fault_number()} AS fault FROM ({_numbered_records(plan)})"  # noqa: S608
    found = connection.execute(f"SELECT n, fault FROM ({numbered}) WHERE fault IS NOT NULL ORDER BY n")  # noqa: S608
    while rows := found.fetchmany(10_000):
        yield from rows


def _describe_records(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MAX_LISTED_RECORDS]))
    more = f" and {len(numbers) - _MAX_LISTED_RECORDS:,} more" if len(numbers) > _MAX_LISTED_RECORDS else ""
    return f"record {shown} is" if len(numbers) == 1 else f"records {shown}{more} are"


def _count(connection: DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _sha512(value: str) -> str:
    return hashlib.sha512(value.encode()).hexdigest()
