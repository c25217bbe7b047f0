"""
A list as the user has it, and the plain form of it that all the rest works on.

IQM takes comma-separated CSV and XLSX. What is something else (another delimiter or encoding, gzip, a sheet that isn't
the first) is written once to a plain copy; what is plain already is left as it is.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from itertools import chain, dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import check_header
from airflow_provider_iqm.audience.csv.exact_reader import check_width, read_records
from airflow_provider_iqm.audience.csv.lines import BLOCK_BYTES, PLAIN, Coding, read_lines
from airflow_provider_iqm.audience.csv.writer import write_lines, write_records
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.file import check_regular, read_head
from airflow_provider_iqm.audience.xlsx.reader_process import is_first_sheet
from airflow_provider_iqm.audience.xlsx.workbook import LostValues, read_rows
from airflow_provider_iqm.exceptions import AudienceFileError, ReadingOptionError
from airflow_provider_iqm.files.blocks import GZIP, read_blocks
from airflow_provider_iqm.files.signature import HEAD_BYTES, check_signature
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES
from airflow_provider_iqm.wording import as_unicode, display_name, is_unicode

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_iqm.audience.damage.damage import Damage
    from airflow_provider_iqm.files.scratch import Scratch

_SEP_LINE = re.compile(r'("?)sep=(?P<delimiter>.)\1[\r\n]*', re.IGNORECASE)

DELIMITERS = (",", ";", "\t", "|")
"""The delimiters that are found out, in the order in which they are tried."""

_PACKED, _TEXTS, _WORKBOOK = ".gz", (".csv", ".tsv"), ".xlsx"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose mark theirs begins with.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_HOST_NAME_ENCODINGS = ("idna", "punycode")
"""Python's text encodings that no file is written in, and that can't be decoded block by block."""

_GROWTH = 100
"""How many times its size a list that is to be cleaned may have as plain CSV; a gzip file of more is no list."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """
    How a list is to be read, as far as the user says it; the rest is found out.

    :param delimiter: What stands between two values; without it, the one under which the header has the mapped columns.
    :param encoding: The text's encoding, by Python's name; without it, that of the byte order mark, else UTF-8.
    :param sheet: The workbook's sheet; without it, the first.
    :raises ReadingOptionError: One of them can't be used.
    """

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the file."""
        for argument in ("delimiter", "encoding", "sheet"):
            value: object = getattr(self, argument)
            if value is not None and not isinstance(value, str):
                raise ReadingOptionError(f"{argument} must be text, but it is of type {type(value).__name__}.")
        delimiter = self.delimiter
        if delimiter is not None and not _is_delimiter(delimiter):
            raise ReadingOptionError(
                f"delimiter is {delimiter!r}. It must be one character, such as a comma, a semicolon, a tab or a pipe."
            )
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise ReadingOptionError(
                f"encoding is {self.encoding!r}, which isn't a text encoding that Python reads files in. Give one such "
                "as utf-8, cp1252 (Windows-1252), latin-1 or utf-16-le."
            )


@dataclass(frozen=True)
class PlainFile:
    """
    A list in a form that IQM takes.

    :param path: The file that was given, a link to it, or the copy.
    :param name: What messages call it.
    :param file_name: The name that IQM is to see.
    :param is_copy: Whether it is a copy.
    :param damage: What the list has suffered that shows no more in a copy.
    """

    path: Path
    name: str
    file_name: str
    is_copy: bool = False
    damage: tuple[Damage, ...] = ()

    @property
    def csv_name(self) -> str:
        """The name of a CSV file made of it."""
        return _csv_name(self.file_name)


def plain_file(
    path: Path,
    *,
    columns: Collection[str],
    reading: Reading,
    scratch: Scratch,
    cleaned: bool,
    limited: bool = True,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
) -> PlainFile:
    """
    Give a list's plain form: the file itself where it is plain, else a copy.

    A list that is to be cleaned comes out as CSV, and may have ragged records, which cleaning leaves out.

    :param path: The file.
    :param columns: The columns that are mapped.
    :param reading: How it is to be read.
    :param scratch: Where a copy is made.
    :param cleaned: Whether it is to be cleaned.
    :param limited: Whether IQM's limits hold; not for a list that is to be split.
    :param memory_limit: How much memory the reading of a workbook may use, such as ``256MiB``.
    :raises AudienceFileError: It can't be read; the error has the line, where one is to blame.
    """
    name, file_name = display_name(path.name), as_unicode(path.name)
    unpacked = Path(_without(file_name, _PACKED))
    workbook = unpacked.suffix.lower() == _WORKBOOK and unpacked.name == file_name
    if not workbook and unpacked.suffix.lower() not in _TEXTS:
        raise AudienceFileError(
            f"{name}: IQM takes CSV and XLSX files, and tells them by their names. "
            "Give a file whose name ends in .csv or .xlsx, in .tsv, or in .csv.gz."
        )
    size = check_regular(path, name=name)
    max_bytes = max(MAX_FILE_BYTES, _GROWTH * size) if cleaned or not limited else MAX_FILE_BYTES
    if not is_unicode(str(path.absolute())):
        path = _link(path, scratch=scratch, file_name=file_name)
    if workbook:
        return _plain_workbook(
            path,
            name=name,
            reading=reading,
            scratch=scratch,
            cleaned=cleaned,
            max_bytes=max_bytes,
            memory_limit=memory_limit,
        )
    return _plain_text(
        path, name=name, columns=columns, reading=reading, scratch=scratch, cleaned=cleaned, max_bytes=max_bytes
    )


def _link(path: Path, *, scratch: Scratch, file_name: str) -> Path:
    """Make a link with a name in UTF-8: DuckDB opens no file that has another."""
    # In a folder of its own, where nothing is ever written: the file is the user's.
    folder = scratch.path / "original"
    folder.mkdir(mode=0o700)
    link = folder / file_name
    link.symlink_to(path.absolute())
    return link


def _plain_workbook(
    path: Path, *, name: str, reading: Reading, scratch: Scratch, cleaned: bool, max_bytes: int, memory_limit: str
) -> PlainFile:
    sheet = reading.sheet
    if reading.delimiter is not None or reading.encoding is not None:
        raise ReadingOptionError(f"{name}: a workbook has no delimiter and no encoding. Remove the arguments.")
    check_signature(read_head(path, name=name), name=name, workbook=True)
    if not cleaned and (sheet is None or is_first_sheet(path, sheet, name=name, memory_limit=memory_limit)):
        return PlainFile(path, name, path.name)
    copy = scratch.new_file("plain.csv")
    lost = LostValues()
    rows = read_rows(
        path,
        name=name,
        sheet=sheet,
        strict=not cleaned,
        memory_limit=memory_limit,
        scratch_dir=scratch.path,
        lost=lost,
    )
    header = next(rows)[1]
    write_records(copy, chain([header], (record for _, record in rows)), name=name, max_bytes=max_bytes)
    return PlainFile(copy, name, _csv_name(path.name), is_copy=True, damage=lost.damage(header))


def _plain_text(
    path: Path,
    *,
    name: str,
    columns: Collection[str],
    reading: Reading,
    scratch: Scratch,
    cleaned: bool,
    max_bytes: int,
) -> PlainFile:
    if reading.sheet is not None:
        raise ReadingOptionError(f"{name}: sheet is {reading.sheet!r}, but only a workbook (.xlsx) has sheets.")
    coding = _find_coding(path, name=name, encoding=reading.encoding)
    sep = _read_sep_line(path, name=name, coding=coding)
    if sep:
        coding = replace(coding, sep_line=True)
    delimiter = reading.delimiter or sep or _find_delimiter(path, name=name, coding=coding, columns=columns)
    if coding == PLAIN and delimiter == ",":
        return PlainFile(path, name, path.name if path.suffix.lower() == ".csv" else _csv_name(path.name))
    copy = scratch.new_file("plain.csv")
    if delimiter == "," and not sep:
        write_lines(copy, read_lines(path, name=name, coding=coding), name=name, max_bytes=max_bytes)
    else:
        # Empty lines too, so that every record stays on its line.
        records = read_records(path, name=name, delimiter=delimiter, coding=coding, blank_lines=True)
        if sep:
            # The copy starts with the header, so its line number is known only here.
            records = dropwhile(lambda numbered: not numbered[1], records)
            line, header = next(records, (0, []))
            if header:
                check_header(header, name=name, line=line)
            records = chain([(line, header)], records)
        if not cleaned:
            records = check_width(records, name=name, delimiter=delimiter)
        write_records(copy, (record for _, record in records), name=name, max_bytes=max_bytes)
    return PlainFile(copy, name, _csv_name(path.name), is_copy=True)


def _find_coding(path: Path, *, name: str, encoding: str | None) -> Coding:
    """Tell how a file's bytes stand for text, by its first ones; refuse what is no text."""
    head = read_head(path, name=name)
    packed = head.startswith(GZIP)
    if packed:
        head = next(read_blocks(path, BLOCK_BYTES, name=name, packed=True), b"")[:HEAD_BYTES]
        if not head:
            raise AudienceFileError(f"{name}: the file inside is empty. Check the query or export that made it.")
    elif path.name.lower().endswith(_PACKED):
        raise AudienceFileError(
            f"{name}: the name says gzip, but the content is not, or is damaged. If it was unpacked already, "
            f"name it {_csv_name(path.name)}."
        )
    marked = next((marked for mark, marked in _MARKS if head.startswith(mark)), None)
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
    """Give the delimiter that Excel's ``sep=;`` names, which is no part of the list; blank where there is none."""
    line = next(read_lines(path, name=name, coding=coding), "")
    found = _SEP_LINE.fullmatch(line)
    return found["delimiter"] if found and _is_delimiter(found["delimiter"]) else ""


def _find_delimiter(path: Path, *, name: str, coding: Coding, columns: Collection[str]) -> str:
    """
    Find the first delimiter under which the header has all mapped columns, or the most.

    Among equals it is one under which the first record is as wide as the header, so that a single column may be called
    ``a;b``; then the one under which the header has the most columns.
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
            # Under this one, it isn't even CSV.
            pass
        found = len(set(columns).intersection(header))
        if columns and found == len(columns):
            return delimiter
        fits[delimiter] = found, len(record) == len(header), len(header)
    return max(fits, key=lambda delimiter: fits[delimiter])


def _is_delimiter(text: str) -> bool:
    return len(text) == 1 and not text.isalnum() and text not in '"\r\n\0 '


def _is_encoding(name: str) -> bool:
    """Whether Python has a text encoding of this name, unlike ``hex``, and files may be written in it."""
    try:
        "a".encode(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        return False
    return codecs.lookup(name).name not in _HOST_NAME_ENCODINGS


def _csv_name(name: str) -> str:
    return str(Path(_without(name, _PACKED)).with_suffix(".csv"))


def _without(name: str, suffix: str) -> str:
    return name[: -len(suffix)] if name.lower().endswith(suffix) else name
