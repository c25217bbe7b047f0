"""Logs the cleaning report and the damage of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.log import Log, log_group
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.upload import AudienceUpload

MAX_WARNINGS = 5
"""More warnings are logged as a collapsed group."""


def log_list_findings(log: Log, upload: AudienceUpload) -> None:
    """
    Log the cleaning report and the damage of a list.

    :param log: The logger.
    :param upload: The list, ready to upload.
    """
    file, report, name = upload.file, upload.report, upload.file.display_name
    if report:
        title = f"Cleaned {name}: {report.records_kept:,} of {count_of(report.records_read, 'record')} kept"
        if report.suppression:
            title += f", {report.suppression.suppressed:,} suppressed"
        with log_group(log, title):
            for line in str(report).splitlines():
                log.info("%s", line)
        if report.suppression:
            log.info("Suppressed %s", report.suppression)
            for warning in report.suppression.warnings:
                log.warning("%s", warning)
    _warn(log, [f"{name} has {damage}" for damage in file.damage])


@contextmanager
def log_list_warnings(log: Log) -> Iterator[None]:
    """
    Log the warnings of an error that the block raises for a list that can't be uploaded.

    :param log: The logger.
    """
    try:
        yield
    except AudienceFileError as error:
        _warn(log, error.warnings)
        raise


def _warn(log: Log, warnings: Sequence[str]) -> None:
    many = len(warnings) > MAX_WARNINGS
    with log_group(log, f"{len(warnings)} warnings of damage") if many else nullcontext():
        for warning in warnings:
            log.warning("%s", warning)
