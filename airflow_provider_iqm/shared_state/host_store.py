"""Shared state in a SQLite file, for processes on one host."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state.file_lock import file_lock
from airflow_provider_iqm.shared_state.ledger import Entry, Ledger, RateLimit
from airflow_provider_iqm.shared_state.private_folder import private_folder
from airflow_provider_iqm.shared_state.process import boot_id, host_clock, is_running, this_process
from airflow_provider_iqm.shared_state.store import LEASE, MAX_FULL, MAX_HOLD

LOCK_TIMEOUT = 30.0
"""Seconds to wait for the file's lock, which is held for a millisecond unless its process is suspended."""

VERSION = 2
"""The version of the file's format, including the owners."""

MAX_ROUNDS = 10
"""The number of windows of waiting requests that an operation reads; beyond that, the wait needn't be exact."""

TABLES = """
CREATE TABLE IF NOT EXISTS request (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    until REAL NOT NULL,
    owner TEXT NOT NULL,
    UNIQUE (account, request)
);
CREATE INDEX IF NOT EXISTS request_until ON request (account, until);
CREATE INDEX IF NOT EXISTS request_state ON request (account, state, place);
CREATE TABLE IF NOT EXISTS value (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    until REAL NOT NULL,
    owner TEXT NOT NULL
);
"""

SENT, WAITING, FULL = "sent", "waiting", "full"
"""The states of rows: requests as in a ledger, and until when IQM rejects requests."""


class HostStore:
    """
    Shared state in a file that only this user can read.

    SQLite keeps it consistent if a process is killed. It doesn't wait for the disk, because each start of the host has
    its own file. Times are seconds since the start of the host. In a new ledger, the account counts as full until the
    host has been running for a window, because requests may have been sent right before its start.

    :param folder: The folder of the file; by default, a private folder in the directory for temporary files.
    :param clock: A clock that all processes share, in seconds.
    :raises SharedStateError: There is no safe folder.
    """

    lease = LEASE

    def __init__(self, folder: Path | None = None, *, clock: Callable[[], float] = host_clock) -> None:
        self._clock = clock
        try:
            folder = folder or private_folder()
            self._path = folder / f"shared-state-{VERSION}-{boot_id()}.db"
            # SQLite would create it with the permissions of the umask.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            for old in set(folder.glob("shared-state-*")) - set(folder.glob(f"{self._path.stem}*")):
                old.unlink(missing_ok=True)
        except OSError as error:
            raise SharedStateError(f"Shared state on this host is unavailable: {error}.") from error

    def ask(self, account: str, request: str, limit: RateLimit, *, hold: float = 0.0) -> float:
        """Return how many seconds a request has to wait; 0 if it may be sent, which counts it."""
        with self._ledger(account, request, limit, expire=True) as (ledger, now):
            return ledger.ask(
                request,
                limit,
                now=now,
                lease=self.lease,
                hold=min(hold, MAX_HOLD),
                owner=this_process(),
                # A process may have many requests.
                is_running=cache(is_running),
            )

    def renew(self, account: str, request: str, limit: RateLimit) -> None:
        """Record that a request is still in flight."""
        with self._ledger(account, request, limit) as (ledger, now):
            ledger.renew(request, limit, now=now, lease=self.lease, owner=this_process())

    def end(self, account: str, request: str, limit: RateLimit, *, full_for: float = 0.0) -> None:
        """Record that a request got a response or failed, or that it leaves the queue."""
        with self._ledger(account, request, limit) as (ledger, now):
            ledger.end(request, limit, now=now, full_for=min(full_for, MAX_FULL))

    def get(self, key: str) -> bytes | None:
        """Return a value; None if it doesn't exist or has expired."""
        with self._transaction() as database:
            return self._read(database, key, self._clock())

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value that expires."""
        with self._transaction() as database:
            now = self._clock()
            database.execute("DELETE FROM value WHERE until <= ?", [now])
            _write(database, key, value, now + seconds)

    def add(self, key: str, value: bytes, seconds: float) -> bool:
        """Store a value unless the key has another one; return whether it was stored. It expires with the process."""
        with self._transaction() as database:
            now = self._clock()
            is_free = self._read(database, key, now) in (None, value)
            if is_free:
                _write(database, key, value, now + seconds, owner=this_process())
            return is_free

    def remove(self, key: str, value: bytes) -> None:
        """Remove a value if it hasn't changed."""
        with self._transaction() as database:
            database.execute("DELETE FROM value WHERE key = ? AND value = ?", [key, value])

    @contextmanager
    def _ledger(
        self, account: str, request: str, limit: RateLimit, *, expire: bool = False
    ) -> Iterator[tuple[Ledger, float]]:
        """Yield the part of an account's ledger that a request needs, and the time; then save the changes."""
        with self._transaction() as database:
            now = self._clock()
            if expire:
                database.execute("DELETE FROM request WHERE account = ? AND until <= ?", [account, now])
            select = "SELECT request, state, until, owner FROM request WHERE account = ? AND "
            rows = [
                *database.execute(select + "state IN (?, ?)", [account, SENT, FULL]),
                *database.execute(
                    select + "state = ? ORDER BY place LIMIT ?", [account, WAITING, MAX_ROUNDS * limit.requests]
                ),
                *database.execute(select + "request = ?", [account, request]),
            ]
            saved = {name: (state, until, owner) for name, state, until, owner in rows}
            ledger = Ledger(full_until=max(saved.pop("", (FULL, 0.0, ""))[1], limit.window))
            for name, (state, until, owner) in saved.items():
                (ledger.sent if state == SENT else ledger.waiting)[name] = Entry(until, owner)
            full_until = ledger.full_until
            yield ledger, now
            entries = {
                name: (state, entry.until, entry.owner)
                for state, entries in ((SENT, ledger.sent), (WAITING, ledger.waiting))
                for name, entry in entries.items()
            }
            if ledger.full_until > full_until:
                entries[""] = (FULL, ledger.full_until, "")
            database.executemany(
                "DELETE FROM request WHERE account = ? AND request = ?",
                [(account, name) for name in saved.keys() - entries],
            )
            database.executemany(
                "INSERT INTO request (account, request, state, until, owner) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET state = excluded.state, until = excluded.until, owner = excluded.owner",
                [(account, name, *entry) for name, entry in entries.items() if saved.get(name) != entry],
            )

    def _read(self, database: sqlite3.Connection, key: str, now: float) -> bytes | None:
        found = database.execute("SELECT value, owner FROM value WHERE key = ? AND until > ?", [key, now]).fetchone()
        if found is None:
            return None
        value, owner = found
        return None if owner and not is_running(owner) else bytes(value)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Lock the file against other processes and threads."""
        try:
            # A connection per transaction: a forked process must not inherit one, and opening it is cheap.
            with (
                file_lock(self._path.with_suffix(".lock"), timeout=LOCK_TIMEOUT),
                closing(sqlite3.connect(self._path, timeout=LOCK_TIMEOUT, isolation_level=None)) as database,
            ):
                # Keep the journal file, and don't wait for the disk.
                database.execute("PRAGMA journal_mode = PERSIST")
                database.execute("PRAGMA synchronous = OFF")
                if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                    # Atomic, because the process may be killed.
                    database.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise SharedStateError(f"Shared state on this host is unavailable: {error} ({self._path}).") from error


def _write(database: sqlite3.Connection, key: str, value: bytes, until: float, *, owner: str = "") -> None:
    database.execute("INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?)", [key, value, until, owner])
