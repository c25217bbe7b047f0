"""The dry run of an upload: what would be sent, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from airflow_provider_iqm.audience.csv.exact_reader import read_header, read_records
from airflow_provider_iqm.audience.formats.plain_file import Reading, plain_file
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.audience.mapping.suggestion import suggest_mapping
from airflow_provider_iqm.audience.preview.options import OPTIONS
from airflow_provider_iqm.audience.preview.progress_bar import reading_bar
from airflow_provider_iqm.audience.upload import AudienceUpload, prepare_upload
from airflow_provider_iqm.audience.xlsx.workbook import read_rows
from airflow_provider_iqm.exceptions import CleaningOptionError, IQMError, ReadingOptionError
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import as_unicode, display_name, printable_on, quote_names

_LONGEST_VALUE = 200

PASSED, FAILED, WRONG_USAGE = 0, 1, 2
"""The exit statuses."""


def dry_run(arguments: Namespace, *, check_mapping: Callable[[AudienceUpload], bool] | None = None) -> int:
    """
    Print what an upload would send; on a terminal, show how far the reading of the file is.

    :param arguments: What was asked for, the values of :data:`~…dry_run_options.OPTIONS`.
    :param check_mapping: Checks a mapping against an account, and returns whether it can; what it raises is wrong.
    :return: The exit status.
    """
    names = [option.facts.get("dest", option.flags[-1].lstrip("-").replace("-", "_")) for option in OPTIONS]
    options = {name: getattr(arguments, name) for name in names}
    path, suggest = options.pop("file"), options.pop("suggest")
    if suggest == bool(options["columns"]):
        return _fail("Give --columns, or --suggest to have a mapping proposed.", WRONG_USAGE)
    try:
        if suggest:
            keys = ("delimiter", "encoding", "sheet")
            _suggest(path, Reading(**{key: options[key] for key in keys}), options["scratch_dir"])
            return PASSED
        with reading_bar(path):
            upload = prepare_upload(file_path=path, audience_name=as_unicode(path.name), **options)
        with upload:
            _describe(upload)
            if check_mapping:
                fits = "the mapping fits the account" if check_mapping(upload) else "not checked, only v3 can tell"
                _write(f"Account:    {fits}")
    except (CleaningOptionError, ReadingOptionError) as error:
        return _fail(str(error), WRONG_USAGE)
    except IQMError as error:
        for warning in getattr(error, "warnings", ()):
            _write(f"Warning:    {warning}")
        return _fail(f"The upload would fail: {error}", FAILED)
    return PASSED


def _suggest(path: Path, reading: Reading, scratch_dir: Path | None) -> None:
    suggestion = suggest_mapping(_header(path, reading, scratch_dir))
    _write(json.dumps(suggestion.columns, ensure_ascii=False))
    _write(json.dumps(suggestion.settings, ensure_ascii=False))
    _write(f"Matched by: {suggestion.kind.label if suggestion.kind else 'nothing yet'}")
    _write(f"Not placed: {quote_names(suggestion.unplaced) or suggestion.hidden or 'none'}")
    if suggestion.unplaced and suggestion.hidden:
        _write(f"            {suggestion.hidden}")


def _header(path: Path, reading: Reading, scratch_dir: Path | None) -> tuple[str, ...]:
    with (
        Scratch(scratch_dir) as scratch,
        reading_bar(path),
        system_errors(name=display_name(path.name), folder=scratch_dir, source=path),
    ):
        plain = plain_file(path, columns=(), reading=reading, scratch=scratch, cleaned=False, limited=False)
        if plain.path.suffix.lower() == ".xlsx":
            return read_header(read_rows(plain.path, name=plain.name), name=plain.name)[1]
        return read_header(read_records(plain.path, name=plain.name), name=plain.name)[1]


def _describe(upload: AudienceUpload) -> None:
    file, mapping = upload.file, upload.mapping
    header = Header(file.columns, mapped=mapping.columns.keys())
    samples = {
        column if header.may_be_shown or column in mapping.columns else header.label(position): [
            _masked(value) for value in file.samples[column]
        ]
        for position, column in enumerate(file.columns)
    }
    _write(f"File:       {file.display_name}")
    _write(f"Records:    {file.records:,}")
    _write(f"Bytes:      {upload.size_text}")
    _write(f"Matched by: {mapping.kind.label}")
    _write(f"Columns:    {json.dumps(mapping.columns, ensure_ascii=False)}")
    _write(f"Settings:   {json.dumps(mapping.settings)}")
    _write(f"First values, masked: {json.dumps(samples, ensure_ascii=False)}")
    for damage in file.damage:
        _write(f"Warning:    {damage}")
    if upload.report:
        _write(f"Cleaning:\n{upload.report}")


def _masked(value: str) -> str:
    """Leave nothing of a value but its length and its punctuation; a long one is cut off."""
    masked = "".join(mark if mark.isascii() and not mark.isalnum() else "x" for mark in value[:_LONGEST_VALUE])
    return masked if len(value) <= _LONGEST_VALUE else f"{masked}… ({len(value):,} characters)"


def _write(line: str) -> None:
    sys.stdout.write(printable_on(sys.stdout, f"{line}\n"))


def _fail(message: str, status: int) -> int:
    # What was found so far stands before it where both go to one place.
    sys.stdout.flush()
    sys.stderr.write(printable_on(sys.stderr, f"{message}\n"))
    return status
