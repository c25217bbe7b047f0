"""
The exact reading of a CSV file: slower, and always right about what is wrong, and where.

The rules are RFC 4180's as the standard library's ``csv`` applies them in its strict mode.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.byte_scan import scan_bytes
from airflow_provider_iqm.audience.contents import Contents, check_header, count_contents
from airflow_provider_iqm.audience.csv_text import PLAIN, Coding, read_lines
from airflow_provider_iqm.exceptions import AudienceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HEAD_RECORDS = 1000
_LINE_END = re.compile(r"\r\n|\r|\n")
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "pipes"}


def read_records(
    path: Path, *, name: str, delimiter: str = ",", coding: Coding = PLAIN, blank_lines: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """
    Read the header and the records: the line on which each starts, and its values.

    An entirely empty line is no record; a line with an empty pair of quotes is one.

    :param path: The file.
    :param name: The file's name, for messages.
    :param delimiter: What stands between two values.
    :param coding: How the file's bytes stand for text.
    :param blank_lines: Whether to give empty lines too, without any value.
    :raises AudienceFileError: The text isn't well-formed CSV; the error has the line.
    """
    reader = csv.reader(read_lines(path, name=name, coding=coding), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            break
        if record or blank_lines:
            yield start, record
    # Raised out here, where no other error is being handled: a chain could carry a cell's value.
    record_text = "".join(islice(read_lines(path, name=name, coding=coding), start - 1, reader.line_num))
    raise _locate_fault(record_text, name=name, delimiter=delimiter, start=start, end=reader.line_num)


def read_exactly(path: Path, *, name: str, mapped: Mapping[str, str] | None = None) -> Contents:
    """
    Read a whole CSV file with the standard library.

    :param path: The file.
    :param name: The file's name, for messages.
    :param mapped: File column → IQM field, of the columns whose values are looked over for damage.
    :raises AudienceFileError: The header or a record is not as it must be; the error has the line.
    """
    records = check_width(read_records(path, name=name), name=name)
    header_line, columns = read_header(records, name=name)
    contents = count_contents(columns, (record for _, record in records), mapped)
    if not contents.records:
        raise AudienceFileError(
            f"{name}: the file has a header (line {header_line}) but no records. "
            "Check the query or export that made it."
        )
    return replace(contents, damage=(*contents.damage, *scan_bytes(path).garbled))


def check_width(
    records: Iterator[tuple[int, list[str]]], *, name: str, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """
    Refuse the first record that has more or fewer values than the header.

    :param records: The header and the records, as :func:`read_records` gives them.
    :param name: The file's name, for messages.
    :param delimiter: What stands between two values.
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
    Take the header from the front of what :func:`read_records` gives: its line and its names.

    :raises AudienceFileError: There is none, or it can't be one.
    """
    line, header = next(records, (0, []))
    if not header:
        raise AudienceFileError(f"{name}: the file holds nothing but blank lines. Check what made it.")
    if len(header) == 1:
        for delimiter, called in _OTHER_DELIMITERS.items():
            if delimiter in header[0]:
                raise AudienceFileError(
                    f"{name}: the header (line {line}) is separated by {called}. Separate the values by commas.",
                    line=line,
                )
    check_header(header, name=name, line=line)
    return line, tuple(header)


def read_head(records: Iterator[tuple[int, list[str]]]) -> list[list[str]]:
    """
    Take the first records from the front of what :func:`read_records` gives behind the header: 1,000 of them at most.

    They stand for the list where a look at all of it can be spared.
    """
    return [record for _, record in islice(records, _HEAD_RECORDS)]


def ragged(name: str, *, line: int, expected: int, found: int, delimiter: str = ",") -> AudienceFileError:
    """Make the error of a record that has more or fewer values than the header."""
    called = _OTHER_DELIMITERS.get(delimiter, "commas").removesuffix("s")
    return AudienceFileError(
        f"{name}: the record on line {line} has {found} {'value' if found == 1 else 'values'}, but the header "
        f"has {expected} {'column' if expected == 1 else 'columns'}. Correct the record: a value with a {called} "
        "or a line break in it must stand in double quotes.",
        line=line,
    )


@cache
def _value(delimiter: str) -> re.Pattern[str]:
    """A value, up to the delimiter or line end behind it."""
    end = rf"{re.escape(delimiter)}\r\n"
    return re.compile(rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{end}][^{end}]*+)?(?=[{end}]|\Z)')


def _locate_fault(text: str, *, name: str, delimiter: str, start: int, end: int) -> AudienceFileError:
    """Look at a broken record's text, and tell where its first broken value starts, and what breaks it."""
    position = 0
    while value := _value(delimiter).match(text, position):
        position = value.end() + 1
    line = start + len(_LINE_END.findall(text, 0, position))
    if re.compile(r'"[^"]*+(?:""[^"]*+)*+"').match(text, position):
        return AudienceFileError(
            f"{name}: line {end} has text after a closing quote, in the value that starts on line {line}. "
            'Write a double quote inside a value twice (""), and close every quote before the next delimiter.',
            line=line,
        )
    return AudienceFileError(
        f"{name}: the quote that opens a value on line {line} is never closed. "
        'Close it, or write a double quote inside a value twice ("").',
        line=line,
    )
