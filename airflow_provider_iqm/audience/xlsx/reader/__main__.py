"""
The process that reads a workbook: it reads a job from stdin, and writes JSON lines to stdout.

The first line describes the sheet, the following ones have rows, and the last one reports the end or an error. If it is
missing, the process was killed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.xlsx.reader.errors import WorkbookError, check_length
from airflow_provider_iqm.audience.xlsx.reader.package import Package
from airflow_provider_iqm.audience.xlsx.reader.sheet import SheetReader
from airflow_provider_iqm.audience.xlsx.reader.strings import SharedStrings
from airflow_provider_iqm.audience.xlsx.reader.values import CellReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_iqm.audience.xlsx.reader.sheet import Row

_MAX_ROWS = 1000
_MAX_CHARACTERS = 250_000

_PR_SET_PDEATHSIG = 1
_CODE_BYTES = 24 << 20
"""Memory for the code of programs and libraries, which isn't data."""

_MIN_DATA_BYTES = 24 << 20


def main() -> None:
    """Read a job, and do it."""
    job = json.load(sys.stdin.buffer)
    # There are no reference cycles, and the many new lists would trigger collections all the time.
    gc.disable()
    _die_with(job["parent"])
    memory = max(job["memory"] - _CODE_BYTES, _MIN_DATA_BYTES)
    _limit(resource.RLIMIT_DATA, memory)
    # A core dump would contain the list.
    _limit(resource.RLIMIT_CORE, 0)
    try:
        _read(job, memory)
    except WorkbookError as error:
        last: dict[str, Any] = {"error": str(error), "line": error.line}
    except MemoryError:
        last = {"error": None, "line": None}
    except OSError as error:
        last = {"errno": error.errno, "path": error.filename if isinstance(error.filename, str) else None}
    else:
        last = {"end": True}
    # Outside of the except block, so that the memory of the frames is free again.
    _send(**last)


def _read(job: dict[str, Any], memory: int) -> None:
    package = Package(Path(job["path"]))
    part = package.sheet(job["sheet"])
    _send(is_first=part == package.sheet(None))
    if not job["rows"]:
        return
    strings = SharedStrings(memory=memory // 4, folder=job["folder"])
    strings.load(package)
    _send_rows(SheetReader(package, part, CellReader(package, strings)).rows())


def _send_rows(rows: Iterable[Row]) -> None:
    numbers: list[int] = []
    records: list[list[Any]] = []
    marked: list[int] = []
    size = 0
    try:
        for number, values in rows:
            try:
                characters = sum(map(len, values))  # type: ignore[arg-type]
            except TypeError:
                # Some values aren't text.
                marked.append(len(records))
                characters = sum(len(value) for value in values if isinstance(value, str))
            check_length(characters, number)
            numbers.append(number)
            records.append(values)
            size += characters + len(values)
            if size > _MAX_CHARACTERS or len(records) == _MAX_ROWS:
                _send(rows=numbers, records=records, marked=marked)
                numbers, records, marked, size = [], [], [], 0
    finally:
        # Send the rows before an error, because the caller may find an earlier error in them.
        if records:
            _send(rows=numbers, records=records, marked=marked)


def _send(**message: Any) -> None:
    sys.stdout.buffer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _die_with(parent: int) -> None:
    """Make the system kill this process when its parent, or the thread that started it, ends."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent has already ended.
        sys.exit(1)


if __name__ == "__main__":
    main()
