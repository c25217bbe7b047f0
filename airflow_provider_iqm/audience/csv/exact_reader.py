"""
The exact reader of CSV files: slower, and always right about what is wrong, and where.

The rules are RFC 4180's as the standard library's ``csv`` applies them in its strict mode. A record has up to
:data:`~.lines.MAX_LINE` characters; ``csv`` alone would refuse values that are longer than 131,072.
"""

from __future__ import annotations

import csv
from collections import deque
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents, check_header, count_contents
from airflow_provider_iqm.audience.csv.checked_blocks import CheckedBlocks
from airflow_provider_iqm.audience.csv.lines import MAX_LINE, PLAIN, Coding, read_line_blocks, read_lines
from airflow_provider_iqm.audience.csv.parser import RecordParser
from airflow_provider_iqm.audience.records.record_batch import batches
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


def read_records(
    path: Path, *, name: str, delimiter: str = ",", coding: Coding = PLAIN, blank_lines: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """
    Read the header and the records: the line on which each starts, and its values.

    An entirely empty line is no record; a line with an empty pair of quotes is one.

    :param path: The file.
    :param name: The file's name, for messages.
    :param delimiter: Field delimiter.
    :param coding: The file's encoding and compression.
    :param blank_lines: Whether to yield empty lines too, without any value.
    :raises AudienceFileError: The text isn't well-formed CSV; the error has the line.
    """
    before = 1 if coding.sep_line else 0
    start = before + 1

    def bounded_lines() -> Iterator[str]:
        # Bounds what csv gathers for one record: quoted line breaks could make it as long as the file.
        seen = length = 0
        for block in read_line_blocks(path, name=name, coding=coding):
            if seen != start:
                seen, length = start, 0
            elif length > MAX_LINE:
                return
            length += sum(map(len, block))
            yield from block

    reader = csv.reader(bounded_lines(), delimiter=delimiter, strict=True)
    while True:
        start = before + reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            break
        if record or blank_lines:
            yield start, record
    # What starts here is too much for csv: a value is longer than its limit, or the record is broken.
    lines = islice(read_lines(path, name=name, coding=coding), start - before - 1, None)
    for line, record in RecordParser(lines, name=name, delimiter=delimiter, line=start):
        if record or blank_lines:
            yield line, record


def read_exactly(path: Path, *, name: str, mapped: Mapping[str, str] | None = None) -> Contents:
    """
    Read a whole CSV file with the standard library.

    :param path: The file.
    :param name: The file's name, for messages.
    :param mapped: File column → IQM field, of the columns whose values are checked for damage.
    :raises AudienceFileError: The header or a record is invalid; the error has the line.
    """
    records = check_width(read_records(path, name=name), name=name)
    header_line, columns = read_header(records, name=name)
    contents = count_contents(columns, (record for _, record in records), mapped)
    if not contents.records:
        raise AudienceFileError(
            f"{name}: the file has a header (line {header_line}) but no records. "
            "Check the query or export that wrote it."
        )
    blocks = CheckedBlocks(path, name=name)
    deque(blocks, maxlen=0)
    return replace(contents, damage=(*contents.damage, *blocks.garbled), sha256=blocks.sha256)


def check_width(
    records: Iterator[tuple[int, list[str]]], *, name: str, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """
    Raise an error at the first record that has more or fewer values than the header.

    :param records: The header and the records, as :func:`read_records` gives them.
    :param name: The file's name, for messages.
    :param delimiter: Field delimiter.
    :raises AudienceFileError: There is one; the error has its line.
    """
    width = 0
    for line, record in records:
        width = width or len(record)
        if record and len(record) != width:
            raise ragged(name, line=line, expected=width, found=len(record), delimiter=delimiter)
        yield line, record


def read_header(records: Iterator[tuple[int, list[str]]], *, name: str) -> tuple[int, tuple[str, ...]]:
    """
    Take the header: its line and its names.

    :param records: The header and the records.
    :param name: The file's name, for messages.
    :raises AudienceFileError: There is none, or it can't be one.
    """
    line, header = next(records, (0, []))
    if not header:
        raise AudienceFileError(
            f"{name}: the file contains nothing but blank lines. Check the query or export that wrote it."
        )
    check_header(header, name=name, line=line)
    return line, tuple(header)


def read_first_records(records: Iterator[tuple[int, list[str]]]) -> list[list[str]]:
    """
    Take the first 1,000 records, or fewer, after the header: the sample by which a pass is planned.

    :param records: The records after the header.
    """
    return next(batches(record for _, record in records), [])


def ragged(name: str, *, line: int, expected: int, found: int, delimiter: str = ",") -> AudienceFileError:
    """Make the error of a record that has more or fewer values than the header."""
    called = _DELIMITER_NAMES.get(delimiter, "delimiter")
    return AudienceFileError(
        f"{name}: the record on line {line} has {count_of(found, 'value')}, but the header "
        f"has {count_of(expected, 'column')}. Correct the record: a value with a {called} "
        "or a line break in it must stand in double quotes.",
        line=line,
    )
