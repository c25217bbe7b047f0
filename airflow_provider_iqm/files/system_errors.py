"""Convert errors of the operating system (disk space, memory, threads, files) to errors that say what to do."""

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
    "output_dir": "the size of the prepared list",
    "quarantine_path": "one line per invalid record",
}
"""Argument → the space that a list needs in that directory."""

_FULL = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is exceeded",
    errno.EFBIG: "The worker's file size limit is exceeded",
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
    """Return the system's temporary directory, even if its disk is full."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        # Raised if no candidate is writable, for whatever reason.
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
    Convert ``OSError`` and ``MemoryError`` to errors that say what to do.

    :param name: The list's name, for messages.
    :param folder: Directory that is written to; by default, the system's temporary directory.
    :param argument: Argument that sets this directory, one of :data:`_NEEDS`.
    :param source: The list's file, if it is read.
    :param only_resources: Whether to convert only errors of disk space, memory and threads, because a server or the
        user's code may have raised the others.
    :raises WorkerResourceError: The worker lacks disk space, memory, threads or open files, or a disk failed.
    :raises CleaningOptionError: The directory can't be written to.
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
    Return the error for a worker that lacks memory, threads or open files.

    :param name: The list's name.
    :param what: What there is too little or too much of.
    """
    return WorkerResourceError(
        f"The worker has {what} to prepare {name}. Run fewer tasks at a time on this worker, or add memory."
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
    Return the error for a full disk.

    :param name: The list's name.
    :param folder: Directory that was written to; by default, the system's temporary directory.
    :param argument: Argument that sets this directory.
    :param source: The list's file, if there is one.
    :param number: Error number (``errno``).
    """
    folder = str(folder or temporary_folder())
    try:
        free = f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB free"
        size = f" ({source.stat().st_size / 1e6:,.1f} MB)" if source else ""
    except OSError:
        free, size = "an unknown amount of free space", ""
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
            f"{name}: the file can't be read: {reason}. Check that it still exists, and its permissions."
        )
    return CleaningOptionError(
        f"{argument} {folder!r} can't be written to: {reason}. Create the directory, make it writable for Airflow's "
        "user, or set another."
    )
