"""Check the invalid records of a list against the cleaning options, and write the quarantine file."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.cleaned_copy import CleanedCopy, find_invalid_records
from airflow_provider_iqm.audience.cleaning.plan import MIXED
from airflow_provider_iqm.audience.cleaning.quarantine import write_quarantine
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.wording import count_of, display_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from airflow_provider_iqm.audience.cleaning.options import Cleaning

_MAX_LISTED_RECORDS = 10
"""Maximum number of records listed in a message."""


def check_invalid_records(connection: DuckDBPyConnection, copy: CleanedCopy, cleaning: Cleaning, *, name: str) -> None:
    """
    Write the quarantine file, and check that the list doesn't have too many invalid records.

    :param connection: Connection to DuckDB.
    :param copy: The cleaned copy.
    :param cleaning: Cleaning options.
    :param name: The list's name, for messages.
    :raises AudienceFileError: The list has no records, too many invalid records, or only invalid ones.
    :raises CleaningOptionError: The quarantine file can't be written.
    """
    if not copy.records_read:
        raise AudienceFileError(
            f"{name}: the file has a header but no records. Check the query or export that wrote it."
        )
    _check_mixed(connection, copy, name=name)
    if cleaning.quarantine_path is not None:
        write_quarantine(cleaning.quarantine_path, copy.plan, find_invalid_records(connection, copy.plan), name=name)
    if copy.faults:
        _check_invalid(connection, copy, cleaning, name=name)
    if not copy.records:
        invalid = copy.faults.total()
        others = f", and the others are invalid ({_describe_faults(copy)})" if invalid else ""
        raise AudienceFileError(
            f"{name}: no records are left: {copy.suppressed:,} of {count_of(copy.records_read, 'record')} are on the "
            f"suppression list{others}. Check the suppression list."
        )


def _check_invalid(connection: DuckDBPyConnection, copy: CleanedCopy, cleaning: Cleaning, *, name: str) -> None:
    invalid, reasons = copy.faults.total(), _describe_faults(copy)
    counts = f"{name}: {invalid:,} of {copy.records_read:,} records can't match"
    if cleaning.on_invalid_records == "fail":
        numbers = [record for record, _ in islice(find_invalid_records(connection, copy.plan), _MAX_LISTED_RECORDS)]
        raise AudienceFileError(
            f"{counts}: {reasons}. First invalid records: {', '.join(map(str, numbers))}. Correct them, or drop them "
            'with on_invalid_records="drop".'
        )
    if invalid > cleaning.max_invalid_ratio * copy.records_read:
        raise AudienceFileError(
            f"{counts}, more than max_invalid_ratio ({cleaning.max_invalid_ratio:g}) allows: {reasons}. Check the "
            "query or export that wrote the file."
        )
    if invalid == copy.records_read:
        raise AudienceFileError(
            f"{name}: all {invalid:,} records are invalid: {reasons}. Check the query or export that wrote the file."
        )


def _check_mixed(connection: DuckDBPyConnection, copy: CleanedCopy, *, name: str) -> None:
    for number in copy.faults:
        fault = copy.plan.faults[number]
        if fault.reason == MIXED:
            numbers = [record for record, found in find_invalid_records(connection, copy.plan) if found == number]
            raise AudienceFileError(
                f"{name}: the column {fault.column!r} mixes raw and hashed values: {_describe_records(numbers)} unlike "
                "the first value. Provide only raw values, or only hashes of one algorithm."
            )


def _describe_faults(copy: CleanedCopy) -> str:
    reasons = []
    for number, count in copy.faults.items():
        fault = copy.plan.faults[number]
        reasons.append(f"{count:,} {fault.reason}" + (f" ({display_name(fault.column)})" if fault.column else ""))
    return ", ".join(reasons)


def _describe_records(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MAX_LISTED_RECORDS]))
    more = f" and {len(numbers) - _MAX_LISTED_RECORDS:,} more" if len(numbers) > _MAX_LISTED_RECORDS else ""
    return f"record {shown} is" if len(numbers) == 1 else f"records {shown}{more} are"
