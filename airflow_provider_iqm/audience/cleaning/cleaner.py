"""Clean a list with DuckDB: read, normalize, hash, filter and write it as a stream."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.cleaned_copy import CleanedCopy, write_cleaned_copy
from airflow_provider_iqm.audience.cleaning.invalid_records import check_invalid_records
from airflow_provider_iqm.audience.cleaning.plan import Plan, detect_hash, make_plan, sample_query
from airflow_provider_iqm.audience.cleaning.suppression.keys import make_key_plan
from airflow_provider_iqm.audience.cleaning.suppression.loaded_keys import load_keys
from airflow_provider_iqm.audience.cleaning_report import CleaningReport
from airflow_provider_iqm.audience.csv.byte_scan import ByteScan, scan_bytes
from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource, copied_source, direct_source
from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.damage.damage import header_damage, refused_with
from airflow_provider_iqm.audience.duckdb.csv_queries import connect
from airflow_provider_iqm.audience.duckdb.errors import find_resource_error
from airflow_provider_iqm.audience.formats.plain_list import CSV
from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping, resolve_mapping
from airflow_provider_iqm.audience.prepared_list import PreparedList
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.audience.cleaning.suppression.loaded_keys import SuppressionKeys
    from airflow_provider_iqm.audience.cleaning.suppression.suppression_list import SuppressionList
    from airflow_provider_iqm.audience.damage.damage import Damage
    from airflow_provider_iqm.audience.formats.plain_list import PlainList
    from airflow_provider_iqm.files.scratch import Scratch


class Cleaner:
    """
    Cleans one list.

    :param plain: The list as plain CSV.
    :param columns: File column → IQM field.
    :param settings: IQM field → setting, including those of the columns to hash.
    :param cleaning: Cleaning options.
    :param scratch: Scratch directory for the cleaned copy.
    :param suppression: The suppression list, if there is one.
    """

    def __init__(
        self,
        plain: PlainList,
        *,
        columns: Mapping[str, str],
        settings: Mapping[str, str] | None,
        cleaning: Cleaning,
        scratch: Scratch,
        suppression: SuppressionList | None = None,
    ) -> None:
        self.plain = plain
        self.path = plain.path
        self.name = plain.display_name
        self.columns = columns
        self.settings = settings
        self.cleaning = cleaning
        self.scratch = scratch
        self.suppression = suppression
        self._failure = "not every record was read"

    def clean(self) -> tuple[PreparedList, ColumnMapping]:
        """
        Write the cleaned copy.

        :return: The copy with its report, and its mapping.
        :raises AudienceFileError: The file can't be read, or has too many invalid records.
        :raises ColumnMappingError: The mapping doesn't fit the file.
        """
        started = time.perf_counter()
        source = direct_source(self.path, name=self.name)
        done = self._try(source) if source else None
        if done is None:
            done = self._try(self._exact_copy())
        if done is None:
            advice = "Report this as a bug."
            if not self.suppression:
                advice = "Upload the list without cleaning, and report this as a bug."
            raise AudienceFileError(
                f"{self.name}: DuckDB could not clean the file ({self._failure}), although it has enough disk space "
                f"and memory. {advice}"
            )
        file, mapping, copy = done
        report = CleaningReport(
            records_read=copy.records_read,
            records_kept=copy.records,
            dropped=copy.dropped,
            duplicates=copy.duplicates,
            repaired=copy.repaired,
            damage={damage.label: damage.count for damage in file.damage},
            seconds=time.perf_counter() - started,
            suppression=copy.suppression,
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

    def _exact_copy(self) -> DuckDBSource:
        """Copy the list with the exact reader, for a file that DuckDB can't read by itself."""
        records = read_records(self.path, name=self.name)
        _, columns = read_header(records, name=self.name)
        return copied_source(columns, records, path=self.scratch.new_file("exact.csv"))

    def _try(self, source: DuckDBSource) -> tuple[PreparedList, ColumnMapping, CleanedCopy] | None:
        """Clean a source; ``None`` if DuckDB doesn't read it correctly."""
        import duckdb

        mapping = resolve_mapping(self.columns, self.settings, file_columns=source.columns)
        spill = self.scratch.path / "spill"
        failure = None
        with (
            ThreadPoolExecutor(1) as pool,
            closing(connect(memory_limit=self.cleaning.memory_limit, spill=spill, in_order=True)) as connection,
        ):
            # Python scans the bytes while DuckDB, which runs without Python's lock, processes the values.
            scan = pool.submit(scan_bytes, self.path)
            try:
                plan = self._plan(connection, source, mapping)
                keys = self._suppression_keys(connection, source, mapping, plan)
                output = self.scratch.new_file("clean.csv")
                copy = write_cleaned_copy(connection, plan, source, output, self.cleaning, keys)
                if not self._is_whole(source, copy, scan.result()):
                    return None
                damage = (
                    *header_damage(source.columns),
                    *self.plain.damage,
                    *copy.damage,
                    *scan.result().garbled,
                )
                with refused_with(damage, name=self.name):
                    check_invalid_records(connection, copy, self.cleaning, name=self.name)
            except duckdb.Error as error:
                # DuckDB's message quotes the file, so it isn't shown; the exact reader has a better one.
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
        file = self.prepared_list(copy.path, columns=source.columns, records=copy.records, damage=damage)
        return file, mapping, copy

    def _is_whole(self, source: DuckDBSource, copy: CleanedCopy, scan: ByteScan) -> bool:
        """Check that DuckDB read the whole file, and nothing else."""
        records = copy.records_read
        if source.frame is None:
            return records == source.copied
        quotes = scan.quotes_between(source.frame.newline)
        if quotes is None:
            return False
        width = len(source.columns)
        surplus = source.frame.surplus(copy.content_bytes, records=records, width=width, quotes=quotes)
        if surplus < 0:
            # The sampled values of a column had no quotes inside, but later ones may.
            return records == source.count(scan, memory_limit=self.cleaning.memory_limit)
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

    def _suppression_keys(
        self, connection: DuckDBPyConnection, source: DuckDBSource, mapping: ColumnMapping, plan: Plan
    ) -> SuppressionKeys | None:
        if not self.suppression:
            return None
        make = partial(
            make_key_plan,
            columns=self.suppression.columns,
            plan=plan,
            mapping=mapping,
            list_columns=source.columns,
            phone_format=self.cleaning.phone_format,
        )
        return load_keys(connection, self.suppression, make, plan.formats)
