"""
Reads a workbook in a subprocess.

A malicious workbook can exhaust any reader's memory. In a subprocess with a memory limit, that only kills the reader.
The rows are returned in small batches, so the task's own process hardly needs memory.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.duckdb.query_process import first_row
from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError, IQMError, WorkerResourceError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

_READER = "airflow_provider_iqm.audience.xlsx.reader"
_MEMORY = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(?:([KMGT])(I?)(?:B|BYTES)?|B|BYTES)\s*", re.IGNORECASE)


class RowBatch(NamedTuple):
    """
    Rows of a sheet that aren't blank.

    :param rows: The rows' numbers.
    :param records: The rows' values up to the last non-blank one: text, None for an Excel error, False for a formula
        without a value.
    :param marked: The positions of records with values that aren't text.
    """

    rows: list[int]
    records: list[list[Any]]
    marked: list[int]


def read_batches(
    path: Path,
    *,
    name: str,
    sheet: str | None = None,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    scratch_dir: Path | str | None = None,
) -> Iterator[RowBatch]:
    """
    Read the rows of a sheet that aren't blank, in order.

    :param path: The workbook.
    :param name: Its name, for messages.
    :param sheet: The sheet's name; by default, the first sheet.
    :param memory_limit: Memory limit of the subprocess, such as ``256MiB``.
    :param scratch_dir: The folder for texts that exceed it; by default, the system's directory for temporary files.
    :raises AudienceFileError: The file isn't a workbook, or can't be read.
    :raises WorkerResourceError: The subprocess was killed.
    :raises OSError: A file can't be read or written.
    """
    messages = _messages(
        path,
        name=name,
        sheet=sheet,
        memory_limit=memory_limit,
        folder=str(scratch_dir) if scratch_dir else None,
        rows=True,
    )
    next(messages)
    for message in messages:
        yield RowBatch(**message)


def is_first_sheet(path: Path, sheet: str, *, name: str, memory_limit: str = DEFAULT_MEMORY_LIMIT) -> bool:
    """
    Return whether a sheet is the first one of its workbook.

    :param path: The workbook.
    :param sheet: The sheet's name.
    :param name: The workbook's name, for messages.
    :param memory_limit: Memory limit of the subprocess, such as ``256MiB``.
    :raises AudienceFileError: The file isn't a workbook, or has no such sheet.
    """
    messages = _messages(path, name=name, sheet=sheet, memory_limit=memory_limit, folder=None, rows=False)
    is_first: bool = next(messages)["is_first"]
    messages.close()
    return is_first


def memory_bytes(memory_limit: str) -> int:
    """
    Return a memory limit in bytes.

    :param memory_limit: The limit in DuckDB's notation; a percentage is relative to the available memory.
    :raises CleaningOptionError: The limit isn't an amount of memory.
    """
    amount = memory_limit
    if "%" in memory_limit:
        # DuckDB knows the memory of a container.
        row = first_row("SELECT current_setting('memory_limit')", memory_limit=memory_limit)
        amount = row[0] if row else ""
    match = _MEMORY.fullmatch(amount)
    if match is None:
        raise CleaningOptionError(
            f"memory_limit is {memory_limit!r}. It must be an amount of memory such as '512MiB' or '10%'."
        )
    number, unit, binary = match.groups()
    power = " KMGT".index(unit.upper()) if unit else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def _messages(
    path: Path, *, name: str, sheet: str | None, memory_limit: str, folder: str | None, rows: bool
) -> Generator[dict[str, Any], None, None]:
    """Run the subprocess; yield its messages, and raise its error."""
    job = {
        "path": str(path.absolute()),
        "sheet": sheet,
        "rows": rows,
        "memory": memory_bytes(memory_limit),
        "folder": folder,
        "parent": os.getpid(),
    }
    last: dict[str, Any] | None = None
    with _start() as process:
        try:
            with suppress(BrokenPipeError):
                _pipe(process.stdin).write(json.dumps(job).encode())
                _pipe(process.stdin).close()
            for line in _pipe(process.stdout):
                last = json.loads(line) if line.endswith(b"\n") else None
                if last is None or not last.keys().isdisjoint(("end", "error", "errno")):
                    break
                yield last
                last = None
            if last is None:
                process.wait()
        finally:
            # The caller may not want the rest.
            process.kill()
    if last is None:
        raise _exit_error(process.returncode, name=name)
    if "errno" in last:
        raise OSError(last["errno"], os.strerror(last["errno"] or 0), last["path"])
    if "error" in last:
        problem = last["error"] or (
            f"reading the workbook needs more memory than memory_limit ({memory_limit}) allows. "
            "Raise memory_limit, or use CSV."
        )
        raise AudienceFileError(f"{name}: {problem}", line=last["line"])


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - stdin and stdout are pipes
    return pipe


def _exit_error(status: int, *, name: str) -> IQMError:
    if status == -signal.SIGKILL:
        return WorkerResourceError(
            f"{name}: the process that reads the workbook was killed, probably because the worker is out of memory. "
            "Run fewer tasks at a time on this worker, or give it more memory."
        )
    cause = f"signal {-status}" if status < 0 else f"exit status {status}"
    return AudienceFileError(
        f"{name}: the process that reads the workbook ended unexpectedly ({cause}). "
        "Save the workbook as XLSX again, or use CSV."
    )


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the interpreter and our module
        [sys.executable, "-m", _READER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=1 << 18,
        # Dag files may have extended sys.path.
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
