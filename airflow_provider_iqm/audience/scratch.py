"""A folder for copies of personal data: nobody else's to read, and gone afterwards, whatever happens."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

from airflow_provider_iqm.exceptions import CleaningOptionError

PREFIX = "iqm-audience-"
"""What the folders' names begin with."""


class Scratch:
    """
    A folder of one's own, locked as long as its process lives.

    The lock (``flock`` on the folder itself) ends with the process, however that ends, so what a killed process has
    left behind can be told from what is in use. It is swept when the next folder is made.

    :param parent: The folder in which it is made; without it, the system's temporary folder.
    """

    def __init__(self, parent: str | Path | None = None) -> None:
        folder = Path(parent or tempfile.gettempdir())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise CleaningOptionError(
                f"scratch_dir {str(folder)!r} is no folder that Airflow's user may write to. Make it, or name another."
            )
        sweep(folder)
        self._lock, self.path = _make_locked(folder)

    def new_file(self, name: str) -> Path:
        """Make an empty file that only its owner may read, and return its path."""
        path = self.path / name
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        return path

    def close(self) -> None:
        """Remove the folder with all that is in it; a second time does nothing."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        """Hand out the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder."""
        self.close()


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
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            # Its process is alive.
            continue
        finally:
            os.close(lock)


def _make_locked(parent: Path) -> tuple[int, Path]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Between making and locking, another process may have swept it.
        if path.exists():
            return lock, path
        os.close(lock)
