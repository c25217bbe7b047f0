"""
The process that reads a workbook: it is given a job on stdin, and writes JSON lines to stdout.

The first line tells the sheet; each further one has some rows; the last one tells the end or the error. Without a last
line, the process died.
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

_MOST_ROWS = 1000
_MOST_CHARACTERS = 250_000

_PR_SET_PDEATHSIG = 1
_CODE_BYTES = 24 << 20
"""What a process has in memory that is not its data: the programs and libraries themselves."""

_LEAST_DATA_BYTES = 24 << 20


def main() -> None:
    """Do the job."""
    job = json.load(sys.stdin.buffer)
    # Nothing here refers to itself, and the many new lists would set it off all the time.
    gc.disable()
    _die_with(job["parent"])
    memory = max(job["memory"] - _CODE_BYTES, _LEAST_DATA_BYTES)
    _limit(resource.RLIMIT_DATA, memory)
    # A core dump would hold the list.
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
    # Out here, what took the memory is free again.
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
                # Not all of them are texts.
                marked.append(len(records))
                characters = sum(len(value) for value in values if isinstance(value, str))
            check_length(characters, number)
            numbers.append(number)
            records.append(values)
            size += characters + len(values)
            if size > _MOST_CHARACTERS or len(records) == _MOST_ROWS:
                _send(rows=numbers, records=records, marked=marked)
                numbers, records, marked, size = [], [], [], 0
    finally:
        # What is wrong with these rows comes before what is wrong with the next.
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
    """Have the system kill this process when its parent, or the thread that started it, ends in whatever way."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It is dead already.
        sys.exit(1)


if __name__ == "__main__":
    main()
