"""The quarantine file: which records were dropped, and why, without their values."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import CleaningOptionError
from airflow_provider_iqm.files.system_errors import system_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_iqm.audience.cleaning.plan import Plan


def write_quarantine(path: str | Path, plan: Plan, invalid_records: Iterable[tuple[int, int]], *, name: str) -> None:
    """
    Write the number, the column and the reason of each dropped record.

    :param path: The quarantine file; its mode is 0600.
    :param plan: The plan with the faults.
    :param invalid_records: The number of each dropped record, and the number of its fault.
    :param name: The list's name, for messages.
    :raises WorkerResourceError: The disk is full.
    :raises CleaningOptionError: The file can't be written.
    """
    if "\0" in str(path):
        raise CleaningOptionError(f"quarantine_path {str(path)!r} contains a NUL character. Set the path of a file.")
    with system_errors(name=name, folder=Path(path).parent, argument="quarantine_path"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            os.fchmod(descriptor, 0o600)
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["record", "column", "reason"])
            writer.writerows(
                (record, plan.faults[fault].column, plan.faults[fault].reason) for record, fault in invalid_records
            )
