"""
The audit of what DuckDB read of a CSV file: with what stands between the values, it must make up the file.

Quotes are left out of both sides. Around a value they are syntax, and one inside a value stands twice in the file: the
bytes that are no quotes tell as much, and need no telling apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Frame:
    """
    What stands around a file's records.

    :param newline: The end of its first line, LF or CRLF.
    :param body_bytes: Its size, without the first line and without the line ends at its end.
    :param header_quotes: The double quotes in its first line.
    """

    newline: str
    body_bytes: int
    header_quotes: int

    def surplus(self, content_bytes: int, *, records: int, width: int, quotes: int) -> int:
        """
        How many bytes the file has beyond what DuckDB read; 0 where both are the same.

        :param content_bytes: The sum of all :func:`content_lengths` over all records.
        :param records: The number of records.
        :param width: How many columns they have.
        :param quotes: The double quotes in the whole file.
        """
        between = records * (width - 1) + (records - 1) * len(self.newline)
        return self.body_bytes - (quotes - self.header_quotes) - between - content_bytes


def read_frame(path: Path, *, name: str) -> Frame | None:
    """
    Look at a file's first line and its end.

    :param path: The file.
    :param name: The file's name, for messages.
    :return: ``None`` where DuckDB isn't trusted with its line ends.
    """
    header = next(read_lines(path, name=name), "")
    if not header.endswith("\n"):
        return None
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(0)
        header_bytes = len(header.encode()) + (3 if file.read(3) == b"\xef\xbb\xbf" else 0)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read(_TAIL_BYTES)
    body_bytes = size - header_bytes - (len(tail) - len(tail.rstrip(b"\r\n")))
    return Frame("\r\n" if header.endswith("\r\n") else "\n", body_bytes, header.count('"'))


def content_lengths(width: int, *, with_quotes: Collection[int]) -> list[str]:
    """
    Build the SQL expression of each of a record's values: how many of its bytes are no double quotes.

    Every column is in it: for the audit, and because DuckDB checks only the columns that are used.

    :param width: How many columns there are.
    :param with_quotes: The columns whose values may have quotes inside, which take longer.
    """
    lengths = [f"strlen(c{column})" for column in range(width)]
    for column in with_quotes:
        # contains() is quick, and mostly right to say no.
        without = f"strlen(replace(c{column}, '\"', ''))"
        lengths[column] = f"CASE WHEN contains(c{column}, '\"') THEN {without} ELSE {lengths[column]} END"
    return lengths
