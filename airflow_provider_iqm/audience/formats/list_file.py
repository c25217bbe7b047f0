"""The file of a list before its content is read: there, a regular file, readable."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.signature import HEAD_BYTES

if TYPE_CHECKING:
    import os
    from pathlib import Path


def check_regular(path: Path, *, name: str) -> os.stat_result:
    """
    Check that a path is a file with content.

    :param path: The path.
    :param name: The file's name, for messages.
    :return: The file's status.
    :raises AudienceFileError: It isn't.
    """
    status, allowed = None, True
    try:
        status = path.stat()
    except PermissionError:
        allowed = False
    except (OSError, ValueError):
        # No such file, or a path that no file can have: too long, or with a NUL.
        pass
    if not allowed:
        raise _unreadable(path, name=name)
    if status is None:
        raise AudienceFileError(
            f"{name}: there is no file {str(path)!r}. Check the path, and that it is on this worker."
        )
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise AudienceFileError(f"{name}: {str(path)!r} is {kind}. Set the path of one file.")
    if not status.st_size:
        raise AudienceFileError(f"{name}: the file is empty. Check the query or export that wrote it.")
    return status


def read_first_bytes(path: Path, *, name: str) -> bytes:
    """
    Read as many of a file's first bytes as the check of its signature needs.

    :param path: The file.
    :param name: The file's name, for messages.
    :raises AudienceFileError: Airflow's user may not read it.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(HEAD_BYTES)
    except PermissionError:
        pass
    raise _unreadable(path, name=name)


def file_version(path: Path) -> tuple[int, int, int] | None:
    """
    Return what changes if a file is written or replaced; None if there is none, which its opening reports.

    :param path: The file.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def check_unchanged(path: Path, before: tuple[int, int, int] | None, *, name: str) -> None:
    """
    Check that a file hasn't changed while several passes read it: what they have made of two versions is neither.

    :param path: The file.
    :param before: The :func:`file_version` before the first pass.
    :param name: The file's name, for messages.
    :raises AudienceFileError: It has.
    """
    if before and file_version(path) != before:
        raise AudienceFileError(
            f"{name}: the file changed while it was read; nothing was uploaded. Let the task that writes it finish "
            "first."
        )


def _unreadable(path: Path, *, name: str) -> AudienceFileError:
    return AudienceFileError(f"{name}: Airflow's user may not read {str(path)!r}. Change the file's permissions.")
