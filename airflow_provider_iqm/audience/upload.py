"""An audience to upload: a name, a checked file, and a mapping that fits both the file and IQM."""

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
from airflow_provider_iqm.audience.cleaning.report import CleaningReport
from airflow_provider_iqm.audience.cleaning.wide_list import clean_list
from airflow_provider_iqm.audience.csv.database_export import Export
from airflow_provider_iqm.audience.file import AudienceFile, check_limits, inspect_file
from airflow_provider_iqm.audience.fingerprint import fingerprint
from airflow_provider_iqm.audience.formats.plain_file import Reading, plain_file
from airflow_provider_iqm.audience.mapping.column_mapping import (
    ColumnMapping,
    read_column_settings,
    read_columns,
    resolve_mapping,
)
from airflow_provider_iqm.files.file_body import readable
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import display_name


@dataclass(frozen=True, kw_only=True)
class AudienceUpload:
    """
    What is ready to go to IQM; to be closed afterwards, as a context manager, for the sake of copies.

    :param name: The audience's name.
    :param file: The file, inspected.
    :param mapping: The mapping, resolved against the file.
    :param report: What became of the records, where the file is a cleaned copy.
    :param scratch: The folder of the file, where it is a copy.
    :param made_by: What the copy was made by, such as cleaning; blank where the file goes out as it is.
    :param original_size: The size of the file that the copy was made of, in bytes.
    """

    name: str
    file: AudienceFile
    mapping: ColumnMapping
    report: CleaningReport | None = None
    scratch: Scratch | None = None
    made_by: str = ""
    original_size: int = 0

    @property
    def size_text(self) -> str:
        """The size of what is sent, in bytes, and what it was before."""
        size = f"{self.file.size:,}"
        return f"{size} after {self.made_by} ({self.original_size:,} before)" if self.made_by else size

    def close(self) -> None:
        """Remove the copy, if there is one."""
        if self.scratch:
            self.scratch.close()

    def __enter__(self) -> Self:
        """Hand out the upload."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the copy, if there is one."""
        self.close()

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the list's content, whatever the order of its records."""
        with readable(self.file.path):
            return self.file.fingerprint or fingerprint(self.file)

    def token(self, *origin: object, any_order: bool = False) -> str:
        """
        Return a token that the same upload has at every try, and no other upload has.

        :param origin: Where the upload comes from: the Dag, the task, the run, the map index.
        :param any_order: Whether the list is the same in whatever order its records come.
        """
        if any_order:
            content = self.fingerprint
        else:
            with readable(self.file.path), self.file.path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        parts = [*map(str, origin), self.name, self.mapping.columns, self.mapping.settings, content]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def check_arguments(
    *,
    audience_name: str,
    columns: Mapping[str, str] | str,
    column_settings: Mapping[str, str] | str | None = None,
    **options: Unpack[CleaningOptions],
) -> tuple[Cleaning, ColumnMapping]:
    """
    Check what can be checked without the list.

    :param audience_name: The audience's name; not blank, at most 255 characters.
    :param columns: The mapping, file column → IQM field; also a JSON object as text.
    :param column_settings: IQM field → data format or data partner; also a JSON object as text.
    :param options: The arguments of :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`.
    :return: What is to be done to the list, and the mapping with the settings that the list will have then.
    :raises AudienceNameError: where the name is blank or too long.
    :raises CleaningOptionError: where the list can't be cleaned in this way.
    :raises ColumnMappingError: where the mapping doesn't fit IQM.
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
    Check all that can be checked without asking IQM, and clean the list if that is asked for.

    :param file_path: A CSV file, which may be gzip-compressed, or an XLSX file.
    :param audience_name: The audience's name; must not be blank.
    :param columns: The mapping, file column → IQM field; also a JSON object as text.
    :param column_settings: IQM field → data format or data partner; also a JSON object as text.
    :param delimiter: What stands between two values; without it, the comma, semicolon, tab or pipe under which the
        header has the mapped columns.
    :param encoding: The text's encoding, by Python's name; without it, that of the byte order mark, else UTF-8.
    :param sheet: The workbook's sheet; without it, the first.
    :param limited: Whether IQM's limits of size and records hold; not for a list that is to be split.
    :param export: What is known of a list that a database has exported.
    :param options: The arguments of :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`.
    :raises ReadingOptionError: where the file isn't what ``delimiter``, ``encoding`` or ``sheet`` say.
    :raises AudienceNameError: where the name is blank or too long.
    :raises AudienceFileError: where the file can't be uploaded.
    :raises ColumnMappingError: where the mapping fits neither the file nor IQM.
    """
    # What is wrong with the arguments alone shows before minutes are spent on reading the file.
    cleaning, mapping = check_arguments(
        audience_name=audience_name, columns=columns, column_settings=column_settings, **options
    )
    columns, column_settings, mapped = read_columns(columns), mapping.settings, mapping.columns
    reading = Reading(delimiter=delimiter, encoding=encoding, sheet=sheet)
    source = Path(file_path)
    with ExitStack() as stack:
        scratch = Scratch(cleaning.scratch_dir)
        stack.callback(scratch.close)
        # Inside, so that the copies still take their space when the error says how much is left.
        stack.enter_context(system_errors(name=display_name(source.name), folder=cleaning.scratch_dir, source=source))
        if cleaning.asked:
            scratch.make()
        plain = plain_file(
            source,
            columns=columns,
            reading=reading,
            scratch=scratch,
            cleaned=cleaning.asked,
            limited=limited,
            memory_limit=cleaning.memory_limit,
        )
        original_size = source.stat().st_size
        if cleaning.asked:
            cleaner = Cleaner(
                plain.path,
                name=plain.name,
                file_name=plain.csv_name,
                columns=columns,
                settings=column_settings,
                cleaning=cleaning,
                scratch=scratch,
                damage=plain.damage,
            )
            file, mapping, report = clean_list(cleaner)
            if limited:
                check_limits(file.name, size=file.size, records=file.records)
        else:
            file = inspect_file(
                plain.path,
                file_name=plain.file_name,
                original_name=plain.name,
                mapped=mapped,
                memory_limit=cleaning.memory_limit,
                scratch_dir=cleaning.scratch_dir,
                limited=limited,
                export=export,
                damage=plain.damage,
            )
            mapping = resolve_mapping(
                columns, column_settings, file_columns=file.columns, blank_columns=file.blank_columns
            )
            report = None
        made_by = ""
        if cleaning.asked:
            made_by = "cleaning and hashing" if cleaning.hash_columns else "cleaning"
        elif plain.is_copy:
            made_by = "conversion to plain CSV"
        # From here on, the upload looks after the folder.
        stack.pop_all()
        name = audience_name.strip()
        return AudienceUpload(
            name=name,
            file=file,
            mapping=mapping,
            report=report,
            scratch=scratch,
            made_by=made_by,
            original_size=original_size,
        )
