"""What Airflow keeps between tries and runs, read and written so that a store that fails fails no task."""

from __future__ import annotations

from typing import Any, Protocol

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_iqm.log import Log

try:
    from airflow.sdk.exceptions import AirflowRuntimeError
except ImportError:
    # Airflow 2 has neither the error nor the stores that raise it.
    STORE_ERRORS: tuple[type[Exception], ...] = (AirflowException, RuntimeError)
else:
    STORE_ERRORS = (AirflowException, AirflowRuntimeError, RuntimeError)


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
    :param log: Where failures are told.
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
        try:
            return self._store.get(key)
        except STORE_ERRORS as error:
            self._log.warning("%s can't be read: %s", self._name, error)
            return None

    def write(self, key: str, value: Any) -> None:
        """
        Keep a value, if that is possible.

        :param key: The value's key.
        :param value: The value, made of what JSON knows.
        """
        if self._store is None:
            return
        try:
            self._store.set(key, value)
        except STORE_ERRORS as error:
            self._log.warning("%s can't keep %s: %s", self._name, key, error)
