"""
Splits a list that is too large for IQM, by each record's key instead of its position.

A record's part only depends on the hash of its key, with jump consistent hashing (Lamping and Veach, 2014): records
stay in their parts when others are added, and if the list needs one more part, records only move to the new part, an
even share from each of the others. The hash is MD5, which is the same in every release and on every machine.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import Cleaning
from airflow_provider_iqm.audience.cleaning.plan import make_plan
from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource, copied_source, counted_source
from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.duckdb.csv_queries import (
    DEFAULT_MEMORY_LIMIT,
    connect,
    copy_options,
    quoted,
    sum_sql,
)
from airflow_provider_iqm.audience.duckdb.errors import find_resource_error
from airflow_provider_iqm.audience.formats.plain_list import CSV
from airflow_provider_iqm.audience.xlsx.workbook import read_rows
from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS
from airflow_provider_iqm.wording import quote_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping
    from airflow_provider_iqm.audience.prepared_list import PreparedList
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.files.scratch import Scratch

_MAX_PARTS = 1000
"""The maximum number of parts; more would be a mistake in the limits."""

_FLUSH_RECORDS = 100_000
"""The number of records that DuckDB buffers before it writes to the parts; its default takes five times the memory."""

_HASH_DIGITS = 15
"""The number of leading hexadecimal digits of an MD5 that are used: 60 bits, which fit DuckDB's integers."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """
    The limits of a part.

    :param records: The maximum number of records.
    :param bytes: The maximum size in bytes.
    :raises CleaningOptionError: A limit isn't a positive number, or is higher than IQM's.
    """

    records: int = MAX_RECORDS
    bytes: int = MAX_FILE_BYTES

    def __post_init__(self) -> None:
        """Check both limits."""
        for argument, value, maximum in (
            ("max_records", self.records, MAX_RECORDS),
            ("max_bytes", self.bytes, MAX_FILE_BYTES),
        ):
            number: object = value
            if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= maximum:
                raise CleaningOptionError(f"{argument} is {value!r}. It must be a whole number from 1 to {maximum:,}.")

    def allow(self, records: int, size: int) -> bool:
        """Return whether a number of records and their size in bytes are within the limits."""
        return self.share(records, size) <= 1

    def share(self, records: int, size: int) -> float:
        """Return the share of the limits that a number of records and their size in bytes take; over 1 is too much."""
        return max(records / self.records, size / self.bytes)


@dataclass(frozen=True)
class Part:
    """
    A part of a list.

    :param path: Its file.
    :param records: Its number of records.
    """

    path: Path
    records: int


def split_list(
    upload: AudienceUpload, *, limits: Limits, scratch: Scratch, memory_limit: str = DEFAULT_MEMORY_LIMIT
) -> list[Part]:
    """
    Split a list into the fewest parts that are within the limits.

    Records keep their order within a part. A list that is within the limits is its own only part.

    :param upload: The list, and its mapping.
    :param limits: The limits of each part.
    :param scratch: The folder of the parts, which are deleted with it.
    :param memory_limit: Memory limit of DuckDB, such as ``256MiB``.
    :raises AudienceFileError: The list can't be split.
    """
    file = upload.file
    if limits.allow(file.records, file.size):
        return [Part(file.path, file.records)]
    with system_errors(name=file.display_name, folder=scratch.parent, source=file.path):
        for source in _sources(file, scratch=scratch, memory_limit=memory_limit):
            parts = _Splitter(source, file, upload.mapping, limits, scratch).split(memory_limit)
            if parts:
                return parts
    raise AudienceFileError(
        f"{file.display_name}: DuckDB failed to split the file, but not for lack of space or memory. Report this as a "
        "bug."
    )


def _sources(file: PreparedList, *, scratch: Scratch, memory_limit: str) -> Iterator[DuckDBSource]:
    """Yield the file itself, if DuckDB parses it correctly, then an exact copy."""
    if file.media_type == CSV:
        counted = counted_source(file.path, name=file.display_name, memory_limit=memory_limit)
        if counted and counted[1] == file.records:
            yield counted[0]
    if file.media_type == CSV:
        records = read_records(file.path, name=file.display_name)
    else:
        records = read_rows(file.path, name=file.display_name, memory_limit=memory_limit, scratch_dir=scratch.path)
    _, columns = read_header(records, name=file.display_name)
    yield copied_source(columns, records, path=scratch.new_file("exact.csv"))


class _Splitter:
    """
    Splits a list, read from one source.

    :param source: The source that DuckDB reads.
    :param file: The list.
    :param mapping: Its mapping.
    :param limits: The limits of each part.
    :param scratch: The folder of the parts.
    """

    def __init__(
        self, source: DuckDBSource, file: PreparedList, mapping: ColumnMapping, limits: Limits, scratch: Scratch
    ) -> None:
        self.source = source
        self.file = file
        self.limits = limits
        self.scratch = scratch
        self.keys = mapping.key_columns
        self.values = [f"c{position}" for position in range(len(source.columns))]
        # Keys are normalized, so that cleaning the list doesn't change its parts.
        key_mapping = replace(mapping, columns={column: mapping.columns[column] for column in self.keys})
        plan = make_plan(source, key_mapping, Cleaning(), hashed=())
        fields = ", ".join(f"strlen(v{number}), ':', v{number}" for number in map(source.columns.index, self.keys))
        self.records = f"SELECT {', '.join(self.values)}, concat({fields}) AS key FROM ({plan.records})"  # noqa: S608

    def split(self, memory_limit: str) -> list[Part] | None:
        """Split the list; None if DuckDB doesn't parse the source correctly."""
        import duckdb

        spill = self.scratch.path / "spill"
        failure = None
        with closing(connect(memory_limit=memory_limit, spill=spill, in_order=True)) as connection:
            try:
                return self._fewest_parts(connection)
            except duckdb.Error as error:
                # DuckDB's message quotes the file, so it must not be shown.
                failure = find_resource_error(
                    error,
                    name=self.file.display_name,
                    scratch_dir=self.scratch.parent,
                    memory_limit=memory_limit,
                    columns=len(self.values),
                    source=self.file.path,
                )
        if failure:
            raise failure
        return None

    def _fewest_parts(self, connection: DuckDBPyConnection) -> list[Part] | None:
        number = -(-self.file.records // self.limits.records)
        while number <= _MAX_PARTS:
            sizes = self._sizes(connection, number)
            if sum(records for records, _ in sizes.values()) != self.file.records:
                return None
            minimum = -(-sum(size for _, size in sizes.values()) // self.limits.bytes)
            if all(self.limits.allow(*size) for size in sizes.values()):
                parts = self._write(connection, number, sizes)
                # The sizes lack quotes and headers, so check those of the files.
                if parts is None or all(part.path.stat().st_size <= self.limits.bytes for part in parts):
                    return parts
            elif number >= minimum:
                self._check_keys(connection, number, max(sizes, key=lambda part: self.limits.share(*sizes[part])))
            number = max(number + 1, minimum)
        raise AudienceFileError(
            f"{self.file.display_name}: the list would have more than {_MAX_PARTS:,} parts. Raise max_records or "
            "max_bytes."
        )

    def _sizes(self, connection: DuckDBPyConnection, number: int) -> dict[int, tuple[int, int]]:
        """Return each part's number of records, and their minimum size in bytes."""
        rows = connection.execute(
            f"SELECT {_part(number)} AS part, count(*), sum({self._min_bytes()})::BIGINT "  # noqa: S608
            f"FROM ({self.records}) GROUP BY part"
        ).fetchall()
        return {part: (records, size) for part, records, size in rows}

    def _check_keys(self, connection: DuckDBPyConnection, number: int, part: int) -> None:
        """Check that no key has too many records for a part: records with one key stay together."""
        row = connection.execute(
            f"SELECT max(records), max(size) FROM (SELECT count(*) AS records, sum({self._min_bytes()}) AS size "  # noqa: S608
            f"FROM ({self.records}) WHERE {_part(number)} = {part} GROUP BY md5_number(key))"
        ).fetchone()
        if row and not self.limits.allow(*row):
            raise AudienceFileError(
                f"{self.file.display_name}: {row[0]:,} records have the same value in {quote_names(self.keys)}, "
                "too many for one part, and records with one key stay together. Remove duplicates (drop_duplicates), "
                "or map another key."
            )

    def _min_bytes(self) -> str:
        return sum_sql([str(len(self.values)), *(f"strlen({value})" for value in self.values)])

    def _write(
        self, connection: DuckDBPyConnection, number: int, sizes: dict[int, tuple[int, int]]
    ) -> list[Part] | None:
        folder = self.scratch.path / "parts"
        shutil.rmtree(folder, ignore_errors=True)
        # With one thread, records keep their order; with enough open files, each part is a single file.
        connection.execute("SET threads = 1")
        connection.execute(f"SET partitioned_write_max_open_files = {_MAX_PARTS}")
        connection.execute(f"SET partitioned_write_flush_threshold = {_FLUSH_RECORDS}")
        connection.execute(
            f"COPY (SELECT {', '.join(self.values)}, {_part(number)} AS part FROM ({self.records})) "  # noqa: S608
            f"TO {quoted(str(folder))} ({copy_options(self.source.columns)}, PARTITION_BY (part))"
        )
        connection.execute("RESET threads")
        parts = []
        for part, (records, _) in sorted(sizes.items()):
            files = list((folder / f"part={part}").iterdir())
            if len(files) != 1:
                return None
            files[0].chmod(0o600)
            parts.append(Part(files[0], records))
        return parts


def _part(number: int) -> str:
    """
    Return the SQL expression of a record's part, from 0.

    A record starts in part 0, and moves to part 1 with probability 1/2, to part 2 with probability 1/3, and so on; its
    last move determines its part.

    :param number: The number of parts.
    """
    moves = [
        f"WHEN ('0x' || left(md5(concat('{part}:', key)), {_HASH_DIGITS}))::UBIGINT % {part + 1} = 0 THEN {part}"
        for part in range(number - 1, 0, -1)
    ]
    return f"CASE {' '.join(moves)} ELSE 0 END" if moves else "0"
