"""A private temporary directory for copies of personal data, which is always removed afterwards."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Self

from airflow_provider_iqm.exceptions import CleaningOptionError
from airflow_provider_iqm.files.system_errors import system_errors, temporary_folder
from airflow_provider_iqm.wording import is_unicode

log = logging.getLogger(__name__)

PREFIX = "iqm-audience-"
"""Prefix of the directories' names."""

MARKER = ".airflow-provider-iqm"
"""File that marks a directory as this package's; the name alone could be a coincidence."""

_MARKER_TEXT = "Scratch directory of airflow-provider-iqm. The next run deletes it after its process has ended.\n"


class Scratch:
    """
    A temporary directory that only its owner can read, created when it is entered or first used.

    The directory is locked (``flock`` on the directory itself). The lock ends with the process, even if it is killed.
    The next run removes what killed processes left behind: directories that have the marker, belong to this user and
    can be locked.

    :param parent: Directory to create it in; by default, the system's temporary directory.
    """

    def __init__(self, parent: str | Path | None = None) -> None:
        self.parent = Path(parent or temporary_folder())
        self._lock = -1

    @cached_property
    def path(self) -> Path:
        """Path of the directory, which is created on first access."""
        if not self.parent.is_dir() or not os.access(self.parent, os.W_OK | os.X_OK):
            raise CleaningOptionError(
                f"scratch_dir {str(self.parent)!r} isn't a directory that Airflow's user can write to. "
                "Create it, or set another."
            )
        if not is_unicode(str(self.parent.absolute())):
            raise CleaningOptionError(
                f"scratch_dir {str(self.parent)!r} isn't valid UTF-8, so DuckDB can't use it. Set another."
            )
        with system_errors(folder=self.parent):
            sweep(self.parent)
            self._lock, path = _make_locked(self.parent)
        return path

    def make(self) -> None:
        """
        Create the directory now.

        :raises CleaningOptionError: The directory can't be created.
        """
        _ = self.path

    def new_file(self, name: str) -> Path:
        """Create an empty file with mode 0600, and return its path."""
        path = self.path / name
        with system_errors(folder=self.parent):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        return path

    def close(self) -> None:
        """Remove the directory and its contents, if it was created. Can be called more than once."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        """Create the directory."""
        self.make()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the directory."""
        self.close()


def is_scratch(folder: Path) -> bool:
    """
    Return whether a directory is a scratch directory.

    :param folder: The directory.
    """
    return folder.name.startswith(PREFIX) and (folder / MARKER).is_file()


def sweep(parent: Path) -> None:
    """
    Remove the scratch directories of processes that have ended.

    :param parent: The directory that contains them.
    """
    for path in parent.glob(f"{PREFIX}*"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            # Removed in the meantime, or owned by another user.
            continue
        try:
            if os.fstat(lock).st_uid == os.geteuid() and _has_marker(lock):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            # Its process is running, or that is unknown: a network file system may not support locks.
            continue
        finally:
            os.close(lock)


def _has_marker(folder: int) -> bool:
    """
    Return whether an open directory has a marker that belongs to this user.

    :raises OSError: There is no marker.
    """
    found = os.stat(MARKER, dir_fd=folder, follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _make_locked(parent: Path) -> tuple[int, Path]:
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        # Without a lock, the next run couldn't tell that the directory is in use, so it gets no marker.
        log.warning(
            "The file system of %s doesn't support locks (%s), so directories %s* of killed tasks aren't removed "
            "automatically. Remove them yourself, or set scratch_dir to a local disk.",
            parent,
            error.strerror,
            PREFIX,
        )
    else:
        # After locking: a marked directory without a lock is removed as a dead process's.
        with suppress(OSError):
            (path / MARKER).write_text(_MARKER_TEXT)
    return lock, path
