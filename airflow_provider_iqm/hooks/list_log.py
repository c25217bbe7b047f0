"""What the log says of a list: what its cleaning has done to it, and what damage it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.log import Log, log_group
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.upload import AudienceUpload

MOST_WARNINGS = 5
"""More warnings than these are folded."""


def log_list_findings(log: Log, upload: AudienceUpload) -> None:
    """
    Log what was found in a list, and what was left out of it.

    :param log: The log.
    :param upload: The list, ready to go to IQM.
    """
    file, report, name = upload.file, upload.report, upload.file.display_name
    if report:
        title = f"Cleaned {name}: {report.records_kept:,} of {count_of(report.records_read, 'record')} kept"
        with log_group(log, title):
            for line in str(report).splitlines():
                log.info("%s", line)
    _warn(log, [f"{name} has {damage}" for damage in file.damage])


@contextmanager
def log_list_warnings(log: Log) -> Iterator[None]:
    """
    Log what else was found in a list that can't be uploaded, before its error ends the task.

    :param log: The log.
    """
    try:
        yield
    except AudienceFileError as error:
        _warn(log, error.warnings)
        raise


def _warn(log: Log, warnings: Sequence[str]) -> None:
    many = len(warnings) > MOST_WARNINGS
    with log_group(log, f"{len(warnings)} warnings of damage") if many else nullcontext():
        for warning in warnings:
            log.warning("%s", warning)
