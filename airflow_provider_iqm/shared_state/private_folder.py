"""The folder for files that only Airflow's user can read."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def private_folder() -> Path:
    """
    Return a folder in the directory for temporary files that no other user can read or change.

    :raises OSError: The folder can't be created, or other users can access it.
    """
    folder = Path(tempfile.gettempdir()) / f"airflow-provider-iqm-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"other users can access {folder}; remove it")
    return folder
