"""
State of a task for its later tries, on the worker's host: for Airflow before 3.3, which keeps no such state.

A later try on another host finds nothing, and says so to whoever asks; it never finds something wrong.
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
"""How the names of the files end; nothing else is ever deleted."""

LIFE = 7 * 24 * 60 * 60.0
"""Seconds after which a file that nobody has written to is deleted."""


class HostTaskState:
    """
    A task's state in a file that only Airflow's user may read.

    It holds times, ids and tokens: no name, no secret, no value of a list.

    :param identity: What tells the task instance from any other: the Dag, the task, the run, the map index.
    """

    def __init__(self, *identity: object) -> None:
        parts = [*map(str, identity), os.environ.get("AIRFLOW_HOME", ""), conf.get("core", "fernet_key", fallback="")]
        self._name = hashlib.sha256(json.dumps(parts).encode()).hexdigest() + SUFFIX

    def get(self, key: str) -> Any:
        """
        Return a value; ``None`` where there is none on this host.

        :param key: The value's key.
        """
        return self._load().get(key)

    def set(self, key: str, value: Any) -> None:
        """
        Keep a value.

        :param key: The value's key.
        :param value: The value, made of what JSON knows.
        :raises OSError: where the host has no place for it.
        """
        folder = private_folder()
        _sweep(folder)
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=SUFFIX)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._load() | {key: value}, file)
            # What a later try must know has to survive this host's sudden end, too.
            file.flush()
            os.fsync(file.fileno())
        # In one step, so that nobody reads half of it.
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
            if path.stat().st_mtime < time.time() - LIFE:
                path.unlink()
        except OSError:
            # Another task has deleted it first.
            continue
