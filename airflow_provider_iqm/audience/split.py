"""
The splitting of a list that is too large for IQM: by each record's key, not by its position.

A record's part follows from the hash of its key alone, by jump consistent hashing (Lamping and Veach, 2014): a record
stays where it is whatever is added before it, and where the list grows by a part, only the new part takes records, an
even share from each of the others. The hash is MD5, which is the same in every release and on every machine.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import Cleaning
from airflow_provider_iqm.audience.cleaning.plan import make_plan
from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource, copied_source, direct_source
from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.csv.fast_reader import read_fast
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

_MOST_PARTS = 1000
"""With more, the limits are a mistake."""

_FLUSH_RECORDS = 100_000
"""How many records DuckDB gathers before it writes them to the parts; its own choice takes five times the memory."""

_HASH_DIGITS = 15
"""How many hexadecimal digits of an MD5 are used, from the left: 60 bits, which DuckDB's integers hold."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """
    What a part may have at most.

    :param records: Its records.
    :param bytes: Its size in bytes.
    :raises CleaningOptionError: One of them is more than IQM takes, or no number above 0.
    """

    records: int = MAX_RECORDS
    bytes: int = MAX_FILE_BYTES

    def __post_init__(self) -> None:
        """Check both."""
        for argument, value, most in (
            ("max_records", self.records, MAX_RECORDS),
            ("max_bytes", self.bytes, MAX_FILE_BYTES),
        ):
            number: object = value
            if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= most:
                raise CleaningOptionError(f"{argument} must be a whole number from 1 to {most:,}, but it is {value!r}.")

    def allow(self, records: int, size: int) -> bool:
        """Whether so many records in so many bytes are within both."""
        return self.share(records, size) <= 1

    def share(self, records: int, size: int) -> float:
        """How much of the limits so many records in so many bytes take; more than 1 is too much."""
        return max(records / self.records, size / self.bytes)


@dataclass(frozen=True)
class Part:
    """
    A part of a list.

    :param path: Its file.
    :param records: How many records it has.
    """

    path: Path
    records: int


def split_list(
    upload: AudienceUpload, *, limits: Limits, scratch: Scratch, memory_limit: str = DEFAULT_MEMORY_LIMIT
) -> list[Part]:
    """
    Split a list into the fewest parts that are all within the limits.

    Within a part, the records keep their order. A list that is within the limits is one part, and is left as it is.

    :param upload: The list, and its mapping.
    :param limits: What each part may have.
    :param scratch: Where the parts are made; they go with it.
    :param memory_limit: How much memory DuckDB may use, such as ``256MiB``.
    :raises AudienceFileError: The list can't be split in this way.
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
        f"{file.display_name}: DuckDB could not split the file, though it has room and memory. Report this as a bug."
    )


def _sources(file: PreparedList, *, scratch: Scratch, memory_limit: str) -> Iterator[DuckDBSource]:
    """Give the file itself, if DuckDB can be trusted with it, then its exact copy."""
    if file.media_type == CSV:
        contents = read_fast(file.path, name=file.display_name, memory_limit=memory_limit)
        source = direct_source(file.path, name=file.display_name)
        if source and contents and contents.records == file.records:
            yield source
    if file.media_type == CSV:
        records = read_records(file.path, name=file.display_name)
    else:
        records = read_rows(file.path, name=file.display_name, memory_limit=memory_limit, scratch_dir=scratch.path)
    _, columns = read_header(records, name=file.display_name)
    yield copied_source(columns, records, path=scratch.new_file("exact.csv"))


class _Splitter:
    """
    Splits one list, read in one way.

    :param source: How DuckDB reads it.
    :param file: What is known of it.
    :param mapping: Its mapping.
    :param limits: What each part may have.
    :param scratch: Where the parts are made.
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
        # The key is normalised, so that a list that is cleaned from now on is split as before.
        key_mapping = replace(mapping, columns={column: mapping.columns[column] for column in self.keys})
        plan = make_plan(source, key_mapping, Cleaning(), hashed=())
        fields = ", ".join(f"strlen(v{number}), ':', v{number}" for number in map(source.columns.index, self.keys))
        self.records = f"SELECT {', '.join(self.values)}, concat({fields}) AS key FROM ({plan.records})"  # noqa: S608

    def split(self, memory_limit: str) -> list[Part] | None:
        """Split; ``None`` where DuckDB can't be trusted with the source."""
        import duckdb

        spill = self.scratch.path / "spill"
        failure = None
        with closing(connect(memory_limit=memory_limit, spill=spill, in_order=True)) as connection:
            try:
                return self._fewest_parts(connection)
            except duckdb.Error as error:
                # DuckDB's message quotes the file: it must not be shown.
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
        while number <= _MOST_PARTS:
            sizes = self._sizes(connection, number)
            if sum(records for records, _ in sizes.values()) != self.file.records:
                return None
            least = -(-sum(size for _, size in sizes.values()) // self.limits.bytes)
            if all(self.limits.allow(*size) for size in sizes.values()):
                parts = self._write(connection, number, sizes)
                # Quotes, and the header, come on top of the sizes; only the files themselves tell how much.
                if parts is None or all(part.path.stat().st_size <= self.limits.bytes for part in parts):
                    return parts
            elif number >= least:
                self._check_keys(connection, number, max(sizes, key=lambda part: self.limits.share(*sizes[part])))
            number = max(number + 1, least)
        raise AudienceFileError(
            f"{self.file.display_name}: the list would have more than {_MOST_PARTS:,} parts. Raise max_records or "
            "max_bytes."
        )

    def _sizes(self, connection: DuckDBPyConnection, number: int) -> dict[int, tuple[int, int]]:
        """Find out each part's records, and the least that they take in bytes."""
        rows = connection.execute(
            f"SELECT {_part(number)} AS part, count(*), sum({self._least_bytes()})::BIGINT "  # noqa: S608
            f"FROM ({self.records}) GROUP BY part"
        ).fetchall()
        return {part: (records, size) for part, records, size in rows}

    def _check_keys(self, connection: DuckDBPyConnection, number: int, part: int) -> None:
        """Check that no key has more records than a part may have: they can't be parted."""
        row = connection.execute(
            f"SELECT max(records), max(size) FROM (SELECT count(*) AS records, sum({self._least_bytes()}) AS size "  # noqa: S608
            f"FROM ({self.records}) WHERE {_part(number)} = {part} GROUP BY md5_number(key))"
        ).fetchone()
        if row and not self.limits.allow(*row):
            raise AudienceFileError(
                f"{self.file.display_name}: {row[0]:,} records have the same value in {quote_names(self.keys)}, "
                "more than one part may have, and records with one key stay together. Remove duplicates "
                "(drop_duplicates), or map another key."
            )

    def _least_bytes(self) -> str:
        return sum_sql([str(len(self.values)), *(f"strlen({value})" for value in self.values)])

    def _write(
        self, connection: DuckDBPyConnection, number: int, sizes: dict[int, tuple[int, int]]
    ) -> list[Part] | None:
        folder = self.scratch.path / "parts"
        shutil.rmtree(folder, ignore_errors=True)
        # One thread, or the records would be out of order; all files open, or a part would have several.
        connection.execute("SET threads = 1")
        connection.execute(f"SET partitioned_write_max_open_files = {_MOST_PARTS}")
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
    The SQL expression of a record's part, from 0, of so many.

    A record begins in part 0, and goes on to part 1 with a chance of a half, to part 2 with a chance of a third, and so
    on; where it went last is its part.
    """
    moves = [
        f"WHEN ('0x' || left(md5(concat('{part}:', key)), {_HASH_DIGITS}))::UBIGINT % {part + 1} = 0 THEN {part}"
        for part in range(number - 1, 0, -1)
    ]
    return f"CASE {' '.join(moves)} ELSE 0 END" if moves else "0"
