"""A value that the tasks of a connection share, such as a token: encrypted, and created by one of them at a time."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.shared_state.encryption import fernet_keys
from airflow_provider_iqm.shared_state.store import SharedStore

LOCK_TIMEOUT = 120.0
"""Seconds after which a lock expires if its task has stopped renewing it."""

MAX_LOCK_WAIT = 2 * 60 * 60.0
"""
Maximum wait for another task that is creating the value, in seconds; after that, this task creates it, too.

A task that logs in may have to wait for the rate limit, and may get HTTP 429 for up to an hour.
"""

LOCK_POLL_INTERVAL = 0.2

VERSION = 3
"""The version of the value's format: increment it when the format or the fields of a token change."""


class SharedValue:
    """
    A value that the tasks of a connection share, in a store of shared state.

    A store that is unavailable costs requests, but fails no task. The value's key is derived from everything that the
    login depends on, so the value is never used for another connection, user or workspace, or after a change of the
    password.

    :param store: The store.
    :param key: The value's key.
    :param fernet: Encrypts the value.
    :param log: Logs failures.
    """

    CONTENT: str
    """The name of the value, for the log."""

    def __init__(self, store: SharedStore, key: str, *, fernet: MultiFernet, log: Log) -> None:
        self._store = store
        self._key = key
        self._fernet = fernet
        self._log = log
        self._is_failure_logged = False

    @classmethod
    def of(cls, store: SharedStore, iqm_conn_id: str, settings: IQMConnection, log: Log) -> Self | None:
        """
        Return the value of a connection; None if Airflow has no valid Fernet key.

        :param store: The store.
        :param iqm_conn_id: The connection's id.
        :param settings: Its settings.
        :param log: Logs failures.
        """
        keys = fernet_keys()
        if not keys:
            return None
        try:
            fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            log.warning("Tasks don't share %s: %s.", cls.CONTENT, error)
            return None
        identity = json.dumps(
            [cls.__name__, iqm_conn_id, settings.base_url, settings.api_version, asdict(settings.credentials)]
        )
        key = hmac.new(keys[-1].encode(), identity.encode(), hashlib.sha256).hexdigest()
        return cls(store, key, fernet=fernet, log=log)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other tasks from creating the value at the same time; they wait, then read it from the store."""
        key, owner = f"{self._key}-lock", uuid.uuid4().hex.encode()
        ended = threading.Event()
        renewal = threading.Thread(target=self._renew_lock, args=(key, owner, ended), daemon=True)
        try:
            deadline = time.monotonic() + MAX_LOCK_WAIT
            while not (is_held := self._store.add(key, owner, LOCK_TIMEOUT)) and time.monotonic() < deadline:
                time.sleep(LOCK_POLL_INTERVAL)
            if is_held:
                renewal.start()
        except SharedStateError as error:
            self._log_failure(error)
        try:
            yield
        finally:
            ended.set()
            if renewal.ident:
                # A concurrent renewal must not follow the removal.
                renewal.join()
            try:
                self._store.remove(key, owner)
            except SharedStateError as error:
                self._log_failure(error)

    def _renew_lock(self, key: str, owner: bytes, ended: threading.Event) -> None:
        """Renew the lock until the value is created: the task may have to wait for the rate limit."""
        while not ended.wait(LOCK_TIMEOUT / 4):
            try:
                self._store.add(key, owner, LOCK_TIMEOUT)
            except SharedStateError as error:
                self._log_failure(error)

    def load(self) -> dict[str, Any] | None:
        """Return the value; None if there isn't a valid one."""
        try:
            encrypted = self._store.get(self._key)
            saved = json.loads(self._fernet.decrypt(encrypted)) if encrypted else None
        except SharedStateError as error:
            self._log_failure(error)
            return None
        except (InvalidToken, ValueError, RecursionError):
            self._log.warning("Requesting %s from IQM: the shared value can't be decrypted", self.CONTENT)
            return None
        match saved:
            # With another key, it is a copy of another connection's value.
            case {"version": version, "key": self._key, "content": dict(content)} if version == VERSION:
                return content
        return None

    def save(self, content: Mapping[str, Any], seconds: float) -> None:
        """
        Store the value for other tasks.

        :param content: The value; JSON types only.
        :param seconds: Seconds until it expires.
        """
        saved = json.dumps({"version": VERSION, "key": self._key, "content": content})
        try:
            self._store.put(self._key, self._fernet.encrypt(saved.encode()), seconds)
        except SharedStateError as error:
            self._log_failure(error)

    def _log_failure(self, error: SharedStateError) -> None:
        """Log the first failure of the store; the others have the same cause."""
        if not self._is_failure_logged:
            self._is_failure_logged = True
            self._log.warning("Not sharing %s with other tasks: %s", self.CONTENT, error)
