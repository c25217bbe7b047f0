"""Open a suppression list: the people whose records are left out of an upload."""

from __future__ import annotations

import codecs
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource, copied_source, counted_source
from airflow_provider_iqm.audience.csv.exact_reader import check_width, read_header, read_records
from airflow_provider_iqm.audience.formats.list_file import check_regular, check_unchanged, file_version
from airflow_provider_iqm.audience.formats.open_list import open_list
from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
from airflow_provider_iqm.audience.formats.text_list import needs_encoding
from airflow_provider_iqm.audience.list_reader import SMALL_FILE_BYTES
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.exceptions import AudienceFileError, ColumnMappingError, ReadingOptionError
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import display_name, quote_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.audience.formats.plain_list import PlainList


@dataclass(frozen=True)
class SuppressionList:
    """
    An opened suppression list, in plain CSV.

    :param plain: The file.
    :param columns: File column → IQM field, of the mapped columns that it has.
    :param scratch: Folder for a copy.
    :param memory_limit: DuckDB's memory limit, such as ``256MiB``.
    """

    plain: PlainList
    columns: Mapping[str, str]
    scratch: Scratch
    memory_limit: str

    @property
    def name(self) -> str:
        """The file name as messages show it."""
        return self.plain.display_name

    def sources(self) -> Iterator[tuple[DuckDBSource, int]]:
        """
        Yield the ways in which DuckDB can read the file, and its number of records: as it is, then an exact copy.

        :raises AudienceFileError: The file has an invalid record.
        """
        with suppression_errors():
            source = self._direct_source()
        if source:
            yield source
        with suppression_errors(), system_errors(name=self.name, folder=self.scratch.parent, source=self.plain.path):
            copy = self._exact_copy()
        yield copy, copy.copied

    def _direct_source(self) -> tuple[DuckDBSource, int] | None:
        if self.plain.size <= SMALL_FILE_BYTES:
            return None
        return counted_source(self.plain.path, name=self.name, memory_limit=self.memory_limit)

    def _exact_copy(self) -> DuckDBSource:
        """Copy the columns to compare, with the exact reader."""
        # A ragged record is an error, not dropped: its person would be uploaded.
        records = check_width(read_records(self.plain.path, name=self.name), name=self.name)
        _, columns = read_header(records, name=self.name)
        positions = [columns.index(column) for column in self.columns]
        compared = ((line, [record[position] for position in positions]) for line, record in records)
        return copied_source(tuple(self.columns), compared, path=self.scratch.new_file("exact.csv"))


@contextmanager
def open_suppression_list(
    cleaning: Cleaning, columns: Mapping[str, str], *, encoding: str | None
) -> Iterator[SuppressionList | None]:
    """
    Open the suppression list; its copies are deleted at the end of the ``with`` block.

    :param cleaning: Cleaning options.
    :param columns: The list's mapping, file column → IQM field.
    :param encoding: The list's encoding, for a suppression list that is neither UTF-8 nor has a byte order mark.
    :return: ``None`` if there is none.
    :raises AudienceFileError: The file can't be read.
    :raises ColumnMappingError: The file has none of the mapped columns.
    """
    if cleaning.suppression_path is None:
        yield None
        return
    path = Path(cleaning.suppression_path)
    # In a folder of its own: the list's copies have the same names.
    with Scratch(cleaning.scratch_dir) as scratch:
        before = file_version(path)
        with suppression_errors():
            opened = _open(path, cleaning, columns, encoding=encoding, scratch=scratch)
        yield opened
        with suppression_errors():
            check_unchanged(path, before, name=opened.name)


def check_suppression_file(path: Path) -> None:
    """
    Check that a suppression list is a file with content, before a list is read for an hour.

    :param path: The file.
    :raises AudienceFileError: It isn't.
    """
    with suppression_errors():
        check_regular(path, name=display_name(path.name))


@contextmanager
def suppression_errors() -> Iterator[None]:
    """Name the argument in errors that would otherwise seem to concern the list."""
    try:
        yield
    except (AudienceFileError, ReadingOptionError) as error:
        error.args = (f"suppression_path: {error}",)
        raise


def _open(
    path: Path, cleaning: Cleaning, columns: Mapping[str, str], *, encoding: str | None, scratch: Scratch
) -> SuppressionList:
    with system_errors(name=display_name(path.name), folder=cleaning.scratch_dir, source=path):
        plain = open_list(
            path,
            columns=columns,
            options=ReadingOptions(encoding=encoding if _needs_encoding(path, encoding) else None),
            scratch=scratch,
            cleaned=True,
            limited=False,
            memory_limit=cleaning.memory_limit,
        )
        _, header = read_header(read_records(plain.path, name=plain.display_name), name=plain.display_name)
    shared = {column: field for column, field in columns.items() if column in header}
    if not shared:
        hint = Header(header, mapped=columns.keys()).suggest(next(iter(columns)))
        raise ColumnMappingError(
            f"suppression_path: {plain.display_name} has none of the mapped columns ({quote_names(list(columns))})."
            f"{hint}"
        )
    return SuppressionList(plain, shared, scratch, cleaning.memory_limit)


def _needs_encoding(path: Path, encoding: str | None) -> bool:
    is_text = path.suffix.lower() != ".xlsx" and path.is_file()
    is_special = encoding is not None and codecs.lookup(encoding).name != "utf-8"
    return is_text and is_special and needs_encoding(path, name=display_name(path.name))
