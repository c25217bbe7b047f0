"""
The opening of a list: what it is, and its plain form.

IQM takes comma-separated CSV and XLSX. Anything else (another delimiter or encoding, gzip, a sheet that isn't the
first) is converted once; a plain file is used as it is.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.writer import write_records
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.formats.list_file import check_regular, read_first_bytes
from airflow_provider_iqm.audience.formats.plain_list import CSV, GZIP_SUFFIX, XLSX, PlainList, without_suffix
from airflow_provider_iqm.audience.formats.text_list import open_text
from airflow_provider_iqm.audience.prepared_list import check_limits
from airflow_provider_iqm.audience.xlsx.reader_process import is_first_sheet
from airflow_provider_iqm.audience.xlsx.workbook import LostValues, read_rows
from airflow_provider_iqm.exceptions import AudienceFileError, ReadingOptionError
from airflow_provider_iqm.files.signature import check_signature
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES
from airflow_provider_iqm.wording import as_unicode, display_name, is_unicode

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
    from airflow_provider_iqm.files.scratch import Scratch

_TEXT_SUFFIXES, _WORKBOOK_SUFFIX = (".csv", ".tsv"), ".xlsx"

_GROWTH = 100
"""How many times its size a list for cleaning or splitting may have as plain CSV; a gzip file of more isn't a list."""


def open_list(
    path: Path,
    *,
    columns: Collection[str],
    options: ReadingOptions,
    scratch: Scratch,
    cleaned: bool,
    limited: bool = True,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
) -> PlainList:
    """
    Detect what a list is, and return its plain form: the file itself if it is plain, else a copy.

    A list that will be cleaned is opened as CSV, and may have ragged records, which cleaning drops.

    :param path: The file.
    :param columns: The mapped columns.
    :param options: How to read the file.
    :param scratch: Folder for the copy.
    :param cleaned: Whether the list will be cleaned.
    :param limited: Whether IQM's limits apply; not to a list that will be split.
    :param memory_limit: Memory limit for reading a workbook, such as ``256MiB``.
    :raises AudienceFileError: The file can't be read, or is too large; the error has the line, if there is one.
    :raises ReadingOptionError: The options don't fit the file.
    """
    media_type = _media_type(path)
    name, file_name = display_name(path.name), as_unicode(path.name)
    status = check_regular(path, name=name)
    if not is_unicode(str(path.absolute())):
        path = _link(path, scratch=scratch, file_name=file_name)
    original = PlainList(
        path=path,
        display_name=name,
        name=file_name,
        media_type=media_type,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        original_size=status.st_size,
    )
    max_bytes = max(MAX_FILE_BYTES, _GROWTH * original.size) if cleaned or not limited else MAX_FILE_BYTES
    if media_type == XLSX:
        plain = _open_workbook(
            original, options=options, scratch=scratch, cleaned=cleaned, max_bytes=max_bytes, memory_limit=memory_limit
        )
    else:
        plain = open_text(
            original, columns=columns, options=options, scratch=scratch, cleaned=cleaned, max_bytes=max_bytes
        )
    if limited and not cleaned:
        check_limits(name, size=plain.size)
    return plain


def _media_type(path: Path) -> str:
    unpacked = Path(without_suffix(path.name, GZIP_SUFFIX))
    if unpacked.suffix.lower() in _TEXT_SUFFIXES:
        return CSV
    if unpacked.suffix.lower() == _WORKBOOK_SUFFIX and unpacked.name == path.name:
        return XLSX
    raise AudienceFileError(
        f"{display_name(path.name)}: IQM takes CSV and XLSX files, and recognizes them by their names. "
        "Use a file whose name ends in .csv or .xlsx, in .tsv, or in .csv.gz."
    )


def _link(path: Path, *, scratch: Scratch, file_name: str) -> Path:
    """Create a link with a name in UTF-8: DuckDB opens no file with another name."""
    # In a folder of its own, where nothing is ever written: the file is the user's.
    folder = scratch.path / "original"
    folder.mkdir(mode=0o700)
    link = folder / file_name
    link.symlink_to(path.absolute())
    return link


def _open_workbook(
    original: PlainList,
    *,
    options: ReadingOptions,
    scratch: Scratch,
    cleaned: bool,
    max_bytes: int,
    memory_limit: str,
) -> PlainList:
    path, name, sheet = original.path, original.display_name, options.sheet
    if options.delimiter is not None or options.encoding is not None:
        raise ReadingOptionError(f"{name}: a workbook has no delimiter and no encoding. Remove the arguments.")
    check_signature(read_first_bytes(path, name=name), name=name, workbook=True)
    if not cleaned and (sheet is None or is_first_sheet(path, sheet, name=name, memory_limit=memory_limit)):
        return original
    copy, lost = scratch.new_file("plain.csv"), LostValues()
    rows = read_rows(
        path,
        name=name,
        sheet=sheet,
        strict=not cleaned,
        memory_limit=memory_limit,
        scratch_dir=scratch.path,
        lost=lost,
    )
    _, header = next(rows)
    write_records(copy, chain([header], (record for _, record in rows)), name=name, max_bytes=max_bytes)
    return original.converted(copy, damage=lost.damage(header))
