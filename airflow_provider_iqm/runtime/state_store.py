"""What Airflow keeps between tries and runs, read and written so that a store that fails fails no task."""

from __future__ import annotations

from typing import Any, Protocol

from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.best_effort import best_effort


class KeyValueStore(Protocol):
    """A store of Airflow's: of a task, or of an asset."""

    def get(self, key: str) -> Any:
        """Return a value; ``None`` where there is none."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""


class StateStore:
    """
    A store that costs no more than a warning where it fails.

    :param store: Airflow's store; without one, nothing is known and nothing is kept.
    :param name: What the log calls it.
    :param log: Where failures are logged.
    """

    def __init__(self, store: KeyValueStore | None, *, name: str, log: Log) -> None:
        self._store = store
        self._name = name
        self._log = log

    def __bool__(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    def read(self, key: str) -> Any:
        """
        Return a value; ``None`` where there is none, or where it can't be read.

        :param key: The value's key.
        """
        if self._store is None:
            return None
        value = None
        with best_effort(self._log, f"read {key} from {self._name}"):
            value = self._store.get(key)
        return value  # noqa: RET504 - None where the store has failed

    def write(self, key: str, value: Any) -> bool:
        """
        Keep a value, and return whether that was possible.

        :param key: The value's key.
        :param value: The value, made of what JSON knows.
        """
        kept = False
        if self._store is not None:
            with best_effort(self._log, f"write {key} to {self._name}"):
                self._store.set(key, value)
                kept = True
        return kept
