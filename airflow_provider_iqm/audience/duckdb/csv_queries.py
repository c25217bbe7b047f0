"""
DuckDB's reading and writing of a CSV file: strict, every column as text, nothing guessed.

Everything that DuckDB would find out by itself (dialect, header, types, compression, partitions) is said here,
because its guesses were seen to drop records in silence.
"""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.records.header_line import header_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

DEFAULT_MEMORY_LIMIT = "256MiB"
"""How much memory DuckDB may use, in DuckDB's notation."""

WHITE_SPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What ``str.isspace()`` calls white space."""

NULL_MARK = b"\x01"
"""
The value that is NULL to DuckDB, so that no other is: not the empty one, above all.

It matters for more than the values: DuckDB lets a record have one value too many if that value is NULL. A file that
holds this byte anywhere is not for DuckDB to judge.
"""

LINE_BYTES = 131_072
"""The longest record for DuckDB to read, unless it is told otherwise."""

MOST_COLUMNS = 500
"""The most columns for DuckDB to read within the default memory limit; it takes up to 1 MiB for each, empty or not."""

_START_BYTES = 1 << 30
"""The address space that DuckDB takes at first; hardly any of it becomes memory in use."""

_FLAT_TERMS = 100

_BUFFER_BYTES = 16_000_000
"""Half of DuckDB's own choice: as fast, with half the memory. Each thread has at least one buffer."""


def connect(
    *, memory_limit: str = DEFAULT_MEMORY_LIMIT, spill: Path | None = None, in_order: bool = False
) -> DuckDBPyConnection:
    """
    Open a DuckDB of one's own, in memory, that writes no file unasked and loads no extension.

    :param memory_limit: How much memory it may use, such as ``256MiB``.
    :param spill: A folder for what doesn't fit into the memory; without it, nothing is written.
    :param in_order: Whether records keep the order of their file.
    :raises OSError: There is too little memory to start it.
    """
    import duckdb

    # DuckDB ends the whole process if it can't start its threads, so see first whether there is memory for them.
    mmap.mmap(-1, _START_BYTES).close()
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(spill or ""),
            "preserve_insertion_order": str(in_order).lower(),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )


def read_csv_sql(path: Path, *, width: int, line_bytes: int = LINE_BYTES) -> str:
    """
    Build the SQL expression that reads a file's records as the text columns ``c0``, ``c1``, ….

    :param path: The file.
    :param width: How many columns it has.
    :param line_bytes: The longest record, in bytes.
    """
    # No new_line: DuckDB 2.0 was seen to lose records of a CRLF file when it is told of CRLF, and to count them right
    # when it isn't.
    columns = ", ".join(f"c{position}: 'VARCHAR'" for position in range(width))
    # DuckDB was seen to refuse values of megabytes that two of its buffers share, unless it reads one after the other.
    parallel = str(line_bytes <= LINE_BYTES).lower()
    return (
        f"read_csv({quoted(_as_glob(path))}, columns = {{{columns}}}, auto_detect = false, header = true, "
        f"""delim = ',', quote = '"', escape = '"', """
        f"strict_mode = true, null_padding = false, ignore_errors = false, max_line_size = {line_bytes}, "
        f"buffer_size = {max(_BUFFER_BYTES, 2 * line_bytes)}, "
        f"nullstr = {quoted(NULL_MARK.decode())}, allow_quoted_nulls = false, encoding = 'utf-8', "
        f"compression = 'none', hive_partitioning = false, parallel = {parallel})"
    )


def copy_options(columns: Sequence[str]) -> str:
    """
    Build the options of a ``COPY`` that writes records to a CSV file with a header.

    :param columns: The header's names.
    """
    header = header_line(columns) + "\n"
    # The header is ours: DuckDB would rename a column that differs from another in nothing but letter case.
    return f"FORMAT csv, HEADER false, PREFIX {quoted(header)}, SUFFIX '\n', NULLSTR {quoted(NULL_MARK.decode())}"


def sum_sql(terms: Sequence[str]) -> str:
    """
    Build the SQL expression of a sum: a balanced tree, since DuckDB takes no expression deeper than 1,000.

    :param terms: What is summed up.
    """
    if len(terms) <= _FLAT_TERMS:
        return " + ".join(terms)
    middle = len(terms) // 2
    return f"({sum_sql(terms[:middle])}) + ({sum_sql(terms[middle:])})"


def _as_glob(path: Path) -> str:
    """Write a path as a pattern that only this path fits."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))


def quoted(text: str) -> str:
    """Write a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
