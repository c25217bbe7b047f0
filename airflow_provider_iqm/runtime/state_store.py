"""What Airflow keeps between tries and runs, read and written so that a failing store fails no task unasked."""

from __future__ import annotations

from typing import Any, Protocol

from airflow_provider_iqm.exceptions import IQMError
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
    A store that costs no more than a warning where it fails, unless its value is required.

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

    def read(self, key: str, *, required: bool = False) -> Any:
        """
        Return a value; ``None`` where there is none, or where it can't be read.

        :param key: The value's key.
        :param required: Whether the task fails where the value can't be read.
        :raises IQMError: The value is required and can't be read.
        """
        if self._store is None:
            return None
        value, found = None, False
        with best_effort(self._log, f"read {key} from {self._name}"):
            value = self._store.get(key)
            found = True
        if required and not found:
            raise IQMError(
                f"Could not read {self._name} in Airflow, which says what earlier runs have made; the log has the "
                "reason. Campaigns are unchanged. Retry."
            )
        return value

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
