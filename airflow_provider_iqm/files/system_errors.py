"""What the worker's system refuses (disk space, memory, threads, a file), as errors that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError, IQMError, WorkerResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDS = {
    "scratch_dir": "up to twice its unpacked size",
    "output_dir": "as much room as the prepared list",
    "quarantine_path": "a line for each invalid record",
}
"""What a list needs in the folder of each argument."""

_FULL = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EFBIG: "The worker's limit for the size of a file is reached",
}
_SHORT = {
    errno.ENOMEM: "too little memory",
    errno.EAGAIN: "too little memory, or too many processes,",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
}
_REFUSED = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


def temporary_folder() -> str:
    """Return the system's temporary folder, even if its disk is full."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        # So it says of a folder that it can't write to, whatever the reason.
        return os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - nothing is written to it


@contextmanager
def system_errors(
    *,
    name: str = "the list",
    folder: str | Path | None = None,
    argument: str = "scratch_dir",
    source: Path | None = None,
    only_resources: bool = False,
) -> Iterator[None]:
    """
    Turn errors of the operating system, and of too little memory, into errors that say what to do.

    :param name: The list's name, for messages.
    :param folder: The folder that is written to; without it, the system's temporary folder.
    :param argument: The argument that names this folder, one of :data:`_NEEDS`.
    :param source: The list's file, where it is read.
    :param only_resources: Whether to leave all errors as they are but those of disk space, memory and threads, because
        a server or a user's code may have raised them.
    :raises WorkerResourceError: The worker lacks disk space, memory, threads or open files, or a disk fails.
    :raises CleaningOptionError: The folder can't be written to.
    :raises AudienceFileError: The list can't be read.
    """
    try:
        yield
        return
    except MemoryError:
        failure: IQMError = resource_error(name, "too little memory")
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        failure = resource_error(name, "too many threads, or too little memory,")
    except OSError as error:
        if error.errno in _FULL:
            failure = disk_full_error(name, folder=folder, argument=argument, source=source, number=error.errno)
        elif error.errno in _SHORT:
            failure = resource_error(name, _SHORT[error.errno])
        elif error.errno is None or only_resources:
            raise
        else:
            failure = _file_error(error, error.errno, name=name, folder=folder, argument=argument, source=source)
    raise failure from None


def resource_error(name: str, what: str) -> IQMError:
    """
    Make the error of a worker that lacks something other than disk space.

    :param name: The list's name.
    :param what: What there is too little or too much of.
    """
    return WorkerResourceError(
        f"The worker has {what} to prepare {name}. Run fewer tasks at a time on this worker, or give it more memory."
    )


def disk_full_error(
    name: str,
    *,
    folder: str | Path | None,
    argument: str = "scratch_dir",
    source: Path | None = None,
    number: int = errno.ENOSPC,
) -> IQMError:
    """
    Make the error of a disk that has no room left.

    :param name: The list's name.
    :param folder: The folder that was written to; without it, the system's temporary folder.
    :param argument: The argument that names this folder.
    :param source: The list's file, if there is one.
    :param number: The system's error number.
    """
    folder = str(folder or temporary_folder())
    try:
        free = f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB free"
        size = f" ({source.stat().st_size / 1e6:,.1f} MB)" if source else ""
    except OSError:
        free, size = "no known free space", ""
    return WorkerResourceError(
        f"{_FULL[number]}: {folder!r} ({argument}) has {free}, and {name}{size} needs {_NEEDS[argument]} there. "
        f"Free some space, or set {argument} to a folder with more."
    )


def _file_error(
    error: OSError, number: int, *, name: str, folder: str | Path | None, argument: str, source: Path | None
) -> IQMError:
    folder = str(folder or temporary_folder())
    reason = f"{os.strerror(number)} ({errno.errorcode.get(number, number)})"
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else None
    if number not in _REFUSED:
        places = f"{folder!r} ({argument})" + (f" and of {str(source)!r}" if source else "")
        return WorkerResourceError(f"Reading or writing {name} failed: {reason}. Check the disk of {places}.")
    if source is not None and path == str(source):
        return AudienceFileError(
            f"{name}: the file can't be read: {reason}. Check that it is still there, and its mode."
        )
    return CleaningOptionError(
        f"{argument} {folder!r} can't be written to: {reason}. Make the folder, let Airflow's user write to it, or "
        "name another."
    )
