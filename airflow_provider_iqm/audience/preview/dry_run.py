"""Dry run: check a file as an upload would, and print what would be sent."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.formats.open_list import open_list
from airflow_provider_iqm.audience.formats.plain_list import XLSX
from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.audience.mapping.suggestion import suggest_mapping
from airflow_provider_iqm.audience.preview.options import OPTIONS
from airflow_provider_iqm.audience.preview.progress_bar import progress_bar
from airflow_provider_iqm.audience.upload import AudienceUpload, prepare_upload
from airflow_provider_iqm.audience.xlsx.workbook import read_rows
from airflow_provider_iqm.exceptions import CleaningOptionError, IQMError, ReadingOptionError
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import as_unicode, display_name, printable_on, quote_names

_MAX_SAMPLE_LENGTH = 200

SUCCESS, FAILURE, USAGE_ERROR = 0, 1, 2
"""Exit statuses."""


def dry_run(arguments: Namespace, *, check_mapping: Callable[[AudienceUpload], bool] | None = None) -> int:
    """
    Print what an upload would send, with a progress bar if stderr is a terminal.

    :param arguments: The parsed values of :data:`~airflow_provider_iqm.audience.preview.options.OPTIONS`.
    :param check_mapping: Checks the mapping against the account's columns. Returns ``False`` if the API doesn't support
        the check; raises an :class:`IQMError` if the mapping doesn't fit.
    :return: The exit status.
    """
    names = [option.kwargs.get("dest", option.flags[-1].lstrip("-").replace("-", "_")) for option in OPTIONS]
    options = {name: getattr(arguments, name) for name in names}
    path, suggest = options.pop("file"), options.pop("suggest")
    if suggest == bool(options["columns"]):
        return _fail(
            "Specify either --columns to map the file's columns, or --suggest to suggest a mapping.", USAGE_ERROR
        )
    try:
        if suggest:
            keys = ("delimiter", "encoding", "sheet")
            _suggest(path, ReadingOptions(**{key: options[key] for key in keys}), options["scratch_dir"])
            return SUCCESS
        with progress_bar(path):
            upload = prepare_upload(file_path=path, audience_name=as_unicode(path.name), **options)
        with upload:
            _print_summary(upload)
            if check_mapping:
                checked = check_mapping(upload)
                _print(f"Account:    {'mapping is valid' if checked else 'mapping not checked (requires API v3)'}")
    except (CleaningOptionError, ReadingOptionError) as error:
        return _fail(str(error), USAGE_ERROR)
    except IQMError as error:
        for warning in getattr(error, "warnings", ()):
            _print(f"Warning:    {warning}")
        return _fail(f"The upload would fail: {error}", FAILURE)
    return SUCCESS


def _suggest(path: Path, reading: ReadingOptions, scratch_dir: Path | None) -> None:
    suggestion = suggest_mapping(_read_columns(path, reading, scratch_dir))
    _print(json.dumps(suggestion.columns, ensure_ascii=False))
    _print(json.dumps(suggestion.settings, ensure_ascii=False))
    _print(f"Matched by: {suggestion.kind.label if suggestion.kind else 'nothing (map more columns)'}")
    _print(f"Not mapped: {quote_names(suggestion.unmapped) or suggestion.hidden or 'none'}")
    if suggestion.unmapped and suggestion.hidden:
        _print(f"            {suggestion.hidden}")


def _read_columns(path: Path, reading: ReadingOptions, scratch_dir: Path | None) -> tuple[str, ...]:
    with (
        Scratch(scratch_dir) as scratch,
        progress_bar(path),
        system_errors(name=display_name(path.name), folder=scratch_dir, source=path),
    ):
        plain = open_list(path, columns=(), options=reading, scratch=scratch, cleaned=False, limited=False)
        read = read_rows if plain.media_type == XLSX else read_records
        return read_header(read(plain.path, name=plain.display_name), name=plain.display_name)[1]


def _print_summary(upload: AudienceUpload) -> None:
    file, mapping = upload.file, upload.mapping
    header = Header(file.columns, mapped=mapping.columns.keys())
    samples = {
        column if header.may_be_shown or column in mapping.columns else header.label(position): [
            _mask(value) for value in file.samples[column]
        ]
        for position, column in enumerate(file.columns)
    }
    _print(f"File:       {file.display_name}")
    _print(f"Records:    {file.records:,}")
    _print(f"Bytes:      {upload.file.size_text}")
    _print(f"Matched by: {mapping.kind.label}")
    _print(f"Columns:    {json.dumps(mapping.columns, ensure_ascii=False)}")
    _print(f"Settings:   {json.dumps(mapping.settings)}")
    _print(f"First values (masked): {json.dumps(samples, ensure_ascii=False)}")
    for damage in file.damage:
        _print(f"Warning:    {damage}")
    suppression = upload.report.suppression if upload.report else None
    if suppression:
        for warning in suppression.warnings:
            _print(f"Warning:    {warning}")
        _print(f"Suppressed: {suppression}")
    if upload.report:
        _print(f"Cleaning:\n{upload.report}")


def _mask(value: str) -> str:
    """Replace letters and digits with ``x``, and truncate a long value."""
    masked = "".join(mark if mark.isascii() and not mark.isalnum() else "x" for mark in value[:_MAX_SAMPLE_LENGTH])
    return masked if len(value) <= _MAX_SAMPLE_LENGTH else f"{masked}… ({len(value):,} characters)"


def _print(line: str) -> None:
    sys.stdout.write(printable_on(sys.stdout, f"{line}\n"))


def _fail(message: str, status: int) -> int:
    # Keep the order where stdout and stderr go to the same place.
    sys.stdout.flush()
    sys.stderr.write(printable_on(sys.stderr, f"{message}\n"))
    return status
