"""
What the tasks of one worker host share about a connection, in a file.

Only Airflow's user may read it, and it is encrypted with Airflow's Fernet key; without a key there is no file.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.shared_state.encryption import fernet_keys
from airflow_provider_iqm.shared_state.private_folder import private_folder

PATIENCE = 120.0
"""How long another process may take for what it does alone, in seconds, before this one does it too."""

SECONDS_BETWEEN_TRIES = 0.2

VERSION = 2
"""The layout of what is kept: change it when the layout or the fields of a token change. Earlier files have none."""


class HostFile:
    """
    A file about a connection, shared by the processes of a host.

    One that can't be read or written costs requests and no more. Its name is made of all that the log-in depends on, so
    that what is in it is never used for another connection, another user or another workspace, nor after the password
    was changed.

    :param folder: Where the file is.
    :param name: The file's name.
    :param fernet: What encrypts it.
    :param log: Where failures are told.
    """

    CONTENT: str
    """What is in it, as the log tells it."""

    def __init__(self, folder: Path, name: str, *, fernet: MultiFernet, log: Log) -> None:
        self._path = folder / name
        self._fernet = fernet
        self._log = log

    @classmethod
    def of(cls, iqm_conn_id: str, settings: IQMConnection, log: Log) -> Self | None:
        """
        Return the file of a connection; ``None`` where Airflow has no Fernet key, or there is no safe place for it.

        :param iqm_conn_id: The connection's id.
        :param settings: Its settings.
        :param log: Where failures are told.
        """
        keys = fernet_keys()
        if not keys:
            return None
        try:
            fernet = MultiFernet([Fernet(key) for key in keys])
            folder = private_folder()
        except (OSError, ValueError) as error:
            log.warning("Tasks of this host don't share %s: %s.", cls.CONTENT, error)
            return None
        identity = json.dumps(
            [cls.__name__, iqm_conn_id, settings.base_url, settings.api_version, asdict(settings.credentials)]
        )
        name = hmac.new(keys[-1].encode(), identity.encode(), hashlib.sha256).hexdigest()
        return cls(folder, name, fernet=fernet, log=log)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other processes from doing the same at the same time; those that wait find the outcome in the file."""
        try:
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            self._log.warning("Other tasks may ask for %s at the same time: %s.", self.CONTENT, error.strerror)
            yield
            return
        try:
            self._wait_for(lock)
            yield
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        patience_ends = time.monotonic() + PATIENCE
        try:
            while not _locked(lock) and time.monotonic() < patience_ends:
                time.sleep(SECONDS_BETWEEN_TRIES)
        except OSError as error:
            # A network file system may have no locks.
            self._log.warning("Other tasks may ask for %s at the same time: %s.", self.CONTENT, error.strerror)

    def load(self) -> dict[str, Any] | None:
        """Return what the file holds; ``None`` where there is nothing that can be used."""
        try:
            kept = json.loads(self._fernet.decrypt(self._path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, InvalidToken, ValueError, RecursionError):
            self._log.warning("The file with %s can't be read; asking IQM.", self.CONTENT)
            return None
        match kept:
            # A file that was renamed to this one's name is another connection's.
            case {"version": version, "file": self._path.name, "content": dict(content)} if version == VERSION:
                return content
        # Also of another release, which the next one to ask IQM replaces.
        return None

    def save(self, content: Mapping[str, Any]) -> None:
        """Keep something for the tasks that follow."""
        kept = json.dumps({"version": VERSION, "file": self._path.name, "content": content})
        try:
            descriptor, name = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._fernet.encrypt(kept.encode()))
            # In one step, so that nobody reads half of it.
            Path(name).replace(self._path)
        except OSError as error:
            self._log.warning("Other tasks can't be given %s: %s.", self.CONTENT, error.strerror)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
