"""
State of a task for its later tries, on the worker's host: for Airflow before 3.3, which has no task state.

A later try on another host doesn't find it, but never finds a wrong one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_iqm.shared_state.private_folder import private_folder

SUFFIX = ".iqm-task-state"
"""The suffix of the files; no other files are ever deleted."""

LIFETIME = 7 * 24 * 60 * 60.0
"""Seconds after its last change until a file is deleted."""


class HostTaskState:
    """
    A task's state in a file that only Airflow's user can read.

    It contains times, ids and upload tokens: no names, secrets or values of a list.

    :param identity: The identity of the task instance: Dag, task, run, map index.
    """

    def __init__(self, *identity: object) -> None:
        parts = [*map(str, identity), os.environ.get("AIRFLOW_HOME", ""), conf.get("core", "fernet_key", fallback="")]
        self._name = hashlib.sha256(json.dumps(parts).encode()).hexdigest() + SUFFIX

    def get(self, key: str) -> Any:
        """
        Return a value; None if this host doesn't have it.

        :param key: The value's key.
        """
        return self._load().get(key)

    def set(self, key: str, value: Any) -> None:
        """
        Store a value.

        :param key: The value's key.
        :param value: The value; JSON types only.
        :raises OSError: The value can't be written.
        """
        folder = private_folder()
        _sweep(folder)
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=SUFFIX)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._load() | {key: value}, file)
            # The state must survive a crash of the host.
            file.flush()
            os.fsync(file.fileno())
        # Atomic, so that nobody reads a part of the file.
        Path(name).replace(folder / self._name)

    def _load(self) -> dict[str, Any]:
        try:
            content = json.loads((private_folder() / self._name).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _sweep(folder: Path) -> None:
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            if path.stat().st_mtime < time.time() - LIFETIME:
                path.unlink()
        except OSError:
            # Another task has already deleted it.
            continue
