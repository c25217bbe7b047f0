"""
The opening of a CSV file: its compression, encoding, ``sep=`` line and delimiter are detected.

A file that isn't plain CSV (UTF-8, commas, RFC 4180) is converted to a copy that is.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from itertools import chain, dropwhile
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import check_header
from airflow_provider_iqm.audience.csv.exact_reader import check_width, read_records
from airflow_provider_iqm.audience.csv.lines import BLOCK_BYTES, PLAIN, Coding, read_lines
from airflow_provider_iqm.audience.csv.writer import write_lines, write_records
from airflow_provider_iqm.audience.formats.list_file import read_first_bytes
from airflow_provider_iqm.audience.formats.plain_list import GZIP_SUFFIX, PlainList, csv_name
from airflow_provider_iqm.audience.formats.reading_options import is_delimiter
from airflow_provider_iqm.exceptions import AudienceFileError, ReadingOptionError
from airflow_provider_iqm.files.blocks import GZIP, read_blocks
from airflow_provider_iqm.files.signature import HEAD_BYTES, check_signature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
    from airflow_provider_iqm.files.scratch import Scratch

_SEP_LINE = re.compile(r'("?)sep=(?P<delimiter>.)\1[\r\n]*', re.IGNORECASE)

DELIMITERS = (",", ";", "\t", "|")
"""The delimiters that are detected, in the order in which they are tried."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose mark theirs begins with.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def open_text(
    original: PlainList,
    *,
    columns: Collection[str],
    options: ReadingOptions,
    scratch: Scratch,
    cleaned: bool,
    max_bytes: int,
) -> PlainList:
    """
    Detect how a CSV file is written, and return its plain form.

    :param original: The file.
    :param columns: The mapped columns.
    :param options: How to read the file.
    :param scratch: Folder for a copy.
    :param cleaned: Whether the list will be cleaned, so that it may have ragged records.
    :param max_bytes: Maximum size of a copy.
    :raises AudienceFileError: The file isn't CSV, or can't be converted.
    :raises ReadingOptionError: The options don't fit the file.
    """
    path, name = original.path, original.display_name
    if options.sheet is not None:
        raise ReadingOptionError(f"{name}: sheet is {options.sheet!r}, but only a workbook (.xlsx) has sheets.")
    coding = _detect_coding(path, name=name, encoding=options.encoding)
    sep = _read_sep_line(path, name=name, coding=coding)
    if sep:
        coding = replace(coding, sep_line=True)
    delimiter = options.delimiter or sep or _detect_delimiter(path, name=name, coding=coding, columns=columns)
    if coding == PLAIN and delimiter == ",":
        return original if path.suffix.lower() == ".csv" else replace(original, name=original.csv_name)
    copy = scratch.new_file("plain.csv")
    if delimiter == "," and not sep:
        write_lines(copy, read_lines(path, name=name, coding=coding), name=name, max_bytes=max_bytes)
    else:
        records = _read_for_copy(path, name=name, delimiter=delimiter, coding=coding, may_be_ragged=cleaned)
        write_records(copy, (record for _, record in records), name=name, max_bytes=max_bytes)
    return original.converted(copy)


def needs_encoding(path: Path, *, name: str) -> bool:
    """
    Return whether a CSV file can only be read if its encoding is known: it isn't UTF-8 and has no byte order mark.

    :param path: The file.
    :param name: The file's name, for messages.
    """
    blocks = read_blocks(path, BLOCK_BYTES, name=name, packed=read_first_bytes(path, name=name).startswith(GZIP))
    first = next(blocks, b"")
    if any(first.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS):
        return False
    decoder = codecs.getincrementaldecoder(PLAIN.encoding)()
    try:
        for block in chain([first], blocks):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return True
    return False


def _read_for_copy(
    path: Path, *, name: str, delimiter: str, coding: Coding, may_be_ragged: bool
) -> Iterator[tuple[int, list[str]]]:
    # Empty lines too, so that every record stays on its line.
    records = read_records(path, name=name, delimiter=delimiter, coding=coding, blank_lines=True)
    if coding.sep_line:
        # The copy starts with the header, so its line number is known only here.
        records = dropwhile(lambda numbered: not numbered[1], records)
        line, header = next(records, (0, []))
        if header:
            check_header(header, name=name, line=line)
        records = chain([(line, header)], records)
    return records if may_be_ragged else check_width(records, name=name, delimiter=delimiter)


def _detect_coding(path: Path, *, name: str, encoding: str | None) -> Coding:
    """Detect compression and encoding by the first bytes, and check that the content is text."""
    head = read_first_bytes(path, name=name)
    packed = head.startswith(GZIP)
    if packed:
        head = next(read_blocks(path, BLOCK_BYTES, name=name, packed=True), b"")[:HEAD_BYTES]
        if not head:
            raise AudienceFileError(f"{name}: the file inside is empty. Check the query or export that wrote it.")
    elif path.name.lower().endswith(GZIP_SUFFIX):
        raise AudienceFileError(
            f"{name}: the name says gzip, but the content is not, or is damaged. If it was unpacked already, "
            f"name it {csv_name(path.name)}."
        )
    marked = next((marked for mark, marked in _BYTE_ORDER_MARKS if head.startswith(mark)), None)
    named = codecs.lookup(encoding).name.removesuffix("-sig") if encoding else None
    if marked and named and not marked.startswith(named):
        raise AudienceFileError(
            f"{name}: encoding says {encoding}, but the file begins with the byte order mark of {marked}. "
            "Leave encoding out."
        )
    found = marked or named or PLAIN.encoding
    if found != PLAIN.encoding:
        head = head.decode(found, "ignore").encode("utf-8", "ignore")
    check_signature(head, name=name, workbook=False)
    return Coding(found, packed)


def _read_sep_line(path: Path, *, name: str, coding: Coding) -> str:
    """Return the delimiter that Excel's ``sep=;`` line names; blank if there is no such line."""
    line = next(read_lines(path, name=name, coding=coding), "")
    found = _SEP_LINE.fullmatch(line)
    return found["delimiter"] if found and is_delimiter(found["delimiter"]) else ""


def _detect_delimiter(path: Path, *, name: str, coding: Coding, columns: Collection[str]) -> str:
    """
    Return the first delimiter under which the header has all mapped columns, else the one with the most of them.

    A tie goes to a delimiter under which the first record is as wide as the header, so that a single column may be
    called ``a;b``; then to the one under which the header has the most columns.
    """
    fits: dict[str, tuple[int, bool, int]] = {}
    for delimiter in DELIMITERS:
        header: list[str] = []
        record: list[str] = []
        try:
            records = read_records(path, name=name, delimiter=delimiter, coding=coding)
            _, header = next(records, (0, header))
            _, record = next(records, (0, header))
        except AudienceFileError:
            # Not CSV under this delimiter.
            pass
        found = len(set(columns).intersection(header))
        if columns and found == len(columns):
            return delimiter
        fits[delimiter] = found, len(record) == len(header), len(header)
    return max(fits, key=lambda delimiter: fits[delimiter])
