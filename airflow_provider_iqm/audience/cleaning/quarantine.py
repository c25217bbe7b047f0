"""The file that says which records were left out, and why, and nothing of what they hold."""

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


def write_quarantine(path: str | Path, plan: Plan, faulty: Iterable[tuple[int, int]], *, name: str) -> None:
    """
    Write the number, the column and the reason of each record that was left out.

    :param path: The file, which only its owner may read.
    :param plan: The plan, which has the faults.
    :param faulty: The records, each with its fault's number.
    :param name: The list's name, for messages.
    :raises WorkerResourceError: The disk is full.
    :raises CleaningOptionError: The file can't be written.
    """
    if "\0" in str(path):
        raise CleaningOptionError(f"quarantine_path is {str(path)!r}, which has a NUL. Give the path of a file.")
    with system_errors(name=name, folder=Path(path).parent, argument="quarantine_path"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            os.fchmod(descriptor, 0o600)
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["record", "column", "reason"])
            writer.writerows((record, plan.faults[fault].column, plan.faults[fault].reason) for record, fault in faulty)
