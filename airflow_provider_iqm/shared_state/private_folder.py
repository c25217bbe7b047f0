"""The folder for files that only Airflow's user may read."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def private_folder() -> Path:
    """
    Return a folder that nobody else can read or change, though it is in a place where everybody can write.

    :raises OSError: It can't be created, or other users can reach it.
    """
    folder = Path(tempfile.gettempdir()) / f"airflow-provider-iqm-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"{folder} can be reached by other users; remove it")
    return folder
