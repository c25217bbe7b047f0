"""An audience to upload: a name, a prepared list, and a mapping that fits both the list and IQM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, Unpack

from airflow_provider_iqm.audience.audience_name import check_audience_name
from airflow_provider_iqm.audience.cleaning.cleaner import Cleaner
from airflow_provider_iqm.audience.cleaning.options import Cleaning, CleaningOptions
from airflow_provider_iqm.audience.cleaning.suppression.suppression_list import open_suppression_list
from airflow_provider_iqm.audience.cleaning.wide_list import clean_list
from airflow_provider_iqm.audience.cleaning_report import CleaningReport
from airflow_provider_iqm.audience.csv.database_export import Export
from airflow_provider_iqm.audience.fingerprint import fingerprint
from airflow_provider_iqm.audience.formats.list_file import check_unchanged, file_version
from airflow_provider_iqm.audience.formats.open_list import open_list
from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
from airflow_provider_iqm.audience.list_reader import read_list
from airflow_provider_iqm.audience.mapping.column_mapping import (
    ColumnMapping,
    read_column_settings,
    read_columns,
    resolve_mapping,
)
from airflow_provider_iqm.audience.prepared_list import PreparedList, check_limits
from airflow_provider_iqm.files.file_body import readable
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import display_name


@dataclass(frozen=True, kw_only=True)
class AudienceUpload:
    """
    An upload that is ready to be sent; as a context manager, it deletes the list's copy, if there is one.

    :param name: The audience's name.
    :param file: The prepared list.
    :param mapping: The mapping, resolved against the list.
    :param scratch: The folder of the copy.
    """

    name: str
    file: PreparedList
    mapping: ColumnMapping
    scratch: Scratch | None = None

    @property
    def report(self) -> CleaningReport | None:
        """The counts of the cleaning; None if the list wasn't cleaned."""
        return self.file.report

    def close(self) -> None:
        """Delete the copy, if there is one."""
        if self.scratch:
            self.scratch.close()

    def __enter__(self) -> Self:
        """Return the upload."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the copy, if there is one."""
        self.close()

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the list's records in any order."""
        with readable(self.file.path):
            return self.file.fingerprint or fingerprint(self.file)

    def token(self, *origin: object, any_order: bool = False) -> str:
        """
        Return a token that is the same for every try of this upload, and differs from any other upload's.

        :param origin: The origin of the upload: Dag, task, run, map index.
        :param any_order: Whether to ignore the order of the records.
        """
        content = self.fingerprint if any_order else self.file.sha256 or self._hash_file()
        parts = [*map(str, origin), self.name, self.mapping.columns, self.mapping.settings, content]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def _hash_file(self) -> str:
        with readable(self.file.path), self.file.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def check_arguments(
    *,
    audience_name: str,
    columns: Mapping[str, str] | str,
    column_settings: Mapping[str, str] | str | None = None,
    **options: Unpack[CleaningOptions],
) -> tuple[Cleaning, ColumnMapping]:
    """
    Check the arguments without reading the list.

    :param audience_name: The audience's name; not blank, at most 255 characters.
    :param columns: The mapping, file column → IQM field; also a JSON object as text.
    :param column_settings: IQM field → data format or data partner; also a JSON object as text.
    :param options: The arguments of :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`.
    :return: How to clean the list, and the mapping with the settings of the cleaned list.
    :raises AudienceNameError: The name is blank or too long.
    :raises CleaningOptionError: An argument for cleaning is invalid.
    :raises ColumnMappingError: The mapping doesn't match IQM's fields.
    """
    check_audience_name(audience_name)
    cleaning = Cleaning(**options)
    columns, column_settings = read_columns(columns), read_column_settings(column_settings)
    if isinstance(columns, Mapping):
        column_settings = cleaning.settings(columns, column_settings)
    return cleaning, resolve_mapping(columns, column_settings, file_columns=None)


def prepare_upload(
    *,
    file_path: str | Path,
    audience_name: str,
    columns: Mapping[str, str] | str,
    column_settings: Mapping[str, str] | str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    limited: bool = True,
    export: Export | None = None,
    **options: Unpack[CleaningOptions],
) -> AudienceUpload:
    """
    Check everything that can be checked without IQM, and clean the list if required.

    Three steps: :func:`~…open_list.open_list` detects what the file is and converts it if necessary, then
    :func:`~…list_reader.read_list` checks, counts and hashes it, or :class:`~…cleaner.Cleaner` writes a cleaned copy.

    :param file_path: A CSV file, which may be gzip-compressed, or an XLSX file.
    :param audience_name: The audience's name; must not be blank.
    :param columns: The mapping, file column → IQM field; also a JSON object as text.
    :param column_settings: IQM field → data format or data partner; also a JSON object as text.
    :param delimiter: Field delimiter. Default: the comma, semicolon, tab or pipe with which the header has the mapped
        columns.
    :param encoding: Text encoding, by Python's name. Default: that of the byte order mark, or UTF-8.
    :param sheet: The workbook's sheet. Default: the first.
    :param limited: Whether to check IQM's limits of size and records; False for a list that will be split.
    :param export: The results of a database export's own checks, if it wrote the list.
    :param options: The arguments of :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`.
    :raises ReadingOptionError: The file doesn't match ``delimiter``, ``encoding`` or ``sheet``.
    :raises AudienceNameError: The name is blank or too long.
    :raises AudienceFileError: The file can't be uploaded.
    :raises ColumnMappingError: The mapping doesn't match the file or IQM's fields.
    """
    # Errors in the arguments are raised before minutes are spent on reading the file.
    cleaning, mapping = check_arguments(
        audience_name=audience_name, columns=columns, column_settings=column_settings, **options
    )
    reading = ReadingOptions(delimiter=delimiter, encoding=encoding, sheet=sheet)
    columns, settings = read_columns(columns), mapping.settings
    path, scratch = Path(file_path), Scratch(cleaning.scratch_dir)
    with ExitStack() as stack:
        stack.callback(scratch.close)
        # Inside, so that the error reports the free space before the copies are deleted.
        stack.enter_context(system_errors(name=display_name(path.name), folder=cleaning.scratch_dir, source=path))
        if cleaning.asked:
            scratch.make()
        before = file_version(path)
        with open_suppression_list(cleaning, mapping.columns, encoding=encoding) as suppression:
            plain = open_list(
                path,
                columns=columns,
                options=reading,
                scratch=scratch,
                cleaned=cleaning.asked,
                limited=limited,
                memory_limit=cleaning.memory_limit,
            )
            if cleaning.asked:
                file, mapping = clean_list(
                    Cleaner(
                        plain,
                        columns=columns,
                        settings=settings,
                        cleaning=cleaning,
                        scratch=scratch,
                        suppression=suppression,
                    )
                )
            else:
                file = read_list(
                    plain,
                    mapped=mapping.columns,
                    memory_limit=cleaning.memory_limit,
                    scratch_dir=cleaning.scratch_dir,
                    export=export,
                )
        check_unchanged(path, before, name=plain.display_name)
        if limited:
            check_limits(plain.display_name, size=file.size, records=file.records)
        if not cleaning.asked:
            mapping = resolve_mapping(columns, settings, file_columns=file.columns, blank_columns=file.blank_columns)
        # From here on, the upload deletes the folder.
        stack.pop_all()
    return AudienceUpload(name=audience_name.strip(), file=file, mapping=mapping, scratch=scratch)
