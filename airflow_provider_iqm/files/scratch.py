"""A folder for copies of personal data: nobody else's to read, and gone afterwards, whatever happens."""

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
"""What the folders' names begin with."""

MARKER = ".airflow-provider-iqm"
"""The file in each of them that says whose folder it is: a name alone says nothing."""

_MARKER_TEXT = "Scratch folder of airflow-provider-iqm. Once its process has ended, the next one deletes it.\n"


class Scratch:
    """
    A folder of one's own, made when it is entered or first needed, and locked as long as its process lives.

    The lock (``flock`` on the folder itself) ends with the process, however that ends, so what a killed process has
    left behind can be told from what is in use. It is swept when the next folder is made: only what has the marker,
    belongs to this user and can be locked.

    :param parent: The folder in which it is made; without it, the system's temporary folder.
    """

    def __init__(self, parent: str | Path | None = None) -> None:
        self.parent = Path(parent or temporary_folder())
        self._lock = -1

    @cached_property
    def path(self) -> Path:
        """Where the folder is; asking makes it."""
        if not self.parent.is_dir() or not os.access(self.parent, os.W_OK | os.X_OK):
            raise CleaningOptionError(
                f"scratch_dir {str(self.parent)!r} is no folder that Airflow's user may write to. "
                "Make it, or name another."
            )
        if not is_unicode(str(self.parent.absolute())):
            raise CleaningOptionError(
                f"scratch_dir is {str(self.parent)!r}, whose name isn't UTF-8, so DuckDB can't use it. Give another."
            )
        with system_errors(folder=self.parent):
            sweep(self.parent)
            self._lock, path = _make_locked(self.parent)
        return path

    def make(self) -> None:
        """
        Make the folder now.

        :raises CleaningOptionError: It can't be made.
        """
        _ = self.path

    def new_file(self, name: str) -> Path:
        """Make an empty file that only its owner may read, and return its path."""
        path = self.path / name
        with system_errors(folder=self.parent):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        return path

    def close(self) -> None:
        """Remove the folder, if it was made, with all that is in it; a second time does nothing."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        """Make the folder, and hand it out."""
        self.make()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder."""
        self.close()


def is_scratch(folder: Path) -> bool:
    """
    Return whether a folder is a scratch folder.

    :param folder: The folder.
    """
    return folder.name.startswith(PREFIX) and (folder / MARKER).is_file()


def sweep(parent: Path) -> None:
    """
    Remove what processes that are no more have left.

    :param parent: The folder with the scratch folders.
    """
    for path in parent.glob(f"{PREFIX}*"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            # Gone by now, or somebody else's.
            continue
        try:
            if os.fstat(lock).st_uid == os.geteuid() and _has_marker(lock):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            # Its process is alive, or nobody can tell: a network file system may have no locks.
            continue
        finally:
            os.close(lock)


def _has_marker(folder: int) -> bool:
    """
    Return whether an open folder has the marker, as a file of this user's.

    :raises OSError: It has none.
    """
    found = os.stat(MARKER, dir_fd=folder, follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _make_locked(parent: Path) -> tuple[int, Path]:
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        # Without a lock nobody could tell that it is in use, so it gets no marker.
        log.warning(
            "The file system of %s has no locks (%s). What a killed task leaves in a folder %s* there is not deleted "
            "later; delete it yourself, or use a scratch_dir on a local disk.",
            parent,
            error.strerror,
            PREFIX,
        )
    else:
        # Only now: a folder that is marked and not locked is taken for a dead process's.
        with suppress(OSError):
            (path / MARKER).write_text(_MARKER_TEXT)
    return lock, path
