"""Airflow's stores of state between tries and runs, whose failures don't fail tasks unless the value is required."""

from __future__ import annotations

from typing import Any, Protocol

from airflow_provider_iqm.exceptions import IQMError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.best_effort import best_effort


class KeyValueStore(Protocol):
    """Airflow's store of a task or an asset."""

    def get(self, key: str) -> Any:
        """Return a value; None if it doesn't exist."""

    def set(self, key: str, value: Any) -> None:
        """Store a value."""


class StateStore:
    """
    A store whose failures are warnings, unless the value is required.

    :param store: Airflow's store; None to store nothing.
    :param name: The store's name, for messages.
    :param log: Logs failures.
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
        Return a value; None if it doesn't exist or can't be read.

        :param key: The value's key.
        :param required: Whether to raise an error if the value can't be read.
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
                f"Could not read {self._name} from Airflow, so it is unknown which audiences earlier runs created; the "
                "log has the reason. Campaigns are unchanged. Retry."
            )
        return value

    def write(self, key: str, value: Any) -> bool:
        """
        Store a value, and return whether that succeeded.

        :param key: The value's key.
        :param value: The value; JSON types only.
        """
        stored = False
        if self._store is not None:
            with best_effort(self._log, f"write {key} to {self._name}"):
                self._store.set(key, value)
                stored = True
        return stored
