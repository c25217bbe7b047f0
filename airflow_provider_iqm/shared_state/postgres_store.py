"""Shared state in Postgres, for processes on several hosts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from typing import Any

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state import postgres_statements as statements
from airflow_provider_iqm.shared_state.ledger import GRACE, MIN_WAIT, RateLimit
from airflow_provider_iqm.shared_state.store import LEASE, MAX_FULL, MAX_HOLD

TIMEOUTS = {
    # Seconds to wait for a connection.
    "connect_timeout": 5,
    # Milliseconds until the server's host must have acknowledged sent data.
    "tcp_user_timeout": 10_000,
    # Seconds without data until the first keepalive, seconds between keepalives, and their number.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""Parameters of libpq, whose defaults are minutes, or forever after a lost packet."""

MAX_IDLE = 1.0
"""The longest wait, in seconds, during which the connection stays open."""

UNDEFINED_TABLE = "42P01"
"""Postgres's error code for a table that doesn't exist."""


class PostgresStore:
    """
    Shared state in two tables of a Postgres database, accessed with Airflow's Postgres hook.

    The tables are created on first use. A process has one connection, which it closes during longer waits: a thousand
    waiting tasks must not keep a thousand connections open.

    :param conn_id: An Airflow connection of type ``postgres``.
    :param clock: A clock to use instead of Postgres's own, in tests.
    """

    lease = LEASE

    def __init__(self, conn_id: str, *, clock: Callable[[], float] | None = None) -> None:
        self.conn_id = conn_id
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: Any = None
        self._process = os.getpid()

    def ask(self, account: str, request: str, limit: RateLimit, *, hold: float = 0.0) -> float:
        """Return how many seconds a request has to wait; 0 if it may be sent, which counts it."""
        values = self._values(account, request, limit) | {
            "requests": limit.requests,
            "hold": min(hold, MAX_HOLD),
            "poll": limit.poll_interval,
            "grace": GRACE,
            "min_wait": MIN_WAIT,
        }
        wait = float(self._run(statements.ASK, values))
        if wait > MAX_IDLE:
            with self._lock:
                self._close()
        return wait

    def renew(self, account: str, request: str, limit: RateLimit) -> None:
        """Record that a request is still in flight."""
        self._run(statements.RENEW, self._values(account, request, limit))

    def end(self, account: str, request: str, limit: RateLimit, *, full_for: float = 0.0) -> None:
        """Record that a request got a response or failed, or that it leaves the queue."""
        values = self._values(account, request, limit) | {"full_for": min(full_for, MAX_FULL)}
        self._run(statements.END, values)

    def get(self, key: str) -> bytes | None:
        """Return a value; None if it doesn't exist or has expired."""
        value = self._run(statements.GET, self._values(key))
        return None if value is None else bytes(value)

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value that expires."""
        self._run(statements.PUT, self._values(key) | {"value": value, "seconds": seconds})

    def add(self, key: str, value: bytes, seconds: float) -> bool:
        """Store a value unless the key has another one, and return whether it was stored."""
        return self._run(statements.ADD, self._values(key) | {"value": value, "seconds": seconds}) is not None

    def remove(self, key: str, value: bytes) -> None:
        """Remove a value if it hasn't changed."""
        self._run(statements.REMOVE, self._values(key) | {"value": value})

    def _values(self, key: str, request: str = "", limit: RateLimit | None = None) -> dict[str, Any]:
        return {
            "key": key,
            "request": request,
            "window": limit.window if limit else 0.0,
            "lease": self.lease,
            "now": self._clock() if self._clock else None,
        }

    def _run(self, statement: str, values: Mapping[str, Any]) -> Any:
        """Run statements in one round trip and one transaction, and return the first value of the last one."""
        with self._lock, self._usable():
            if self._process != os.getpid():
                # Processes can't share a connection after a fork.
                self._connection, self._process = None, os.getpid()
            if self._connection is not None:
                try:
                    return _execute(self._connection, statement, values)
                except Exception:  # noqa: BLE001 - the server may have closed it; all operations are repeatable
                    self._close()
            self._connection = self._hook.get_conn()
            self._connection.autocommit = True
            try:
                return _execute(self._connection, statement, values)
            except Exception as error:
                if _code(error) != UNDEFINED_TABLE:
                    self._close()
                    raise
            _execute(self._connection, statements.CREATE, {})
            return _execute(self._connection, statement, values)

    def _close(self) -> None:
        """Close the connection; the server may have closed it before."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    @cached_property
    def _hook(self) -> Any:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        connection = PostgresHook.get_connection(self.conn_id)
        connection.extra = json.dumps(TIMEOUTS | connection.extra_dejson)
        return PostgresHook(self.conn_id, connection=connection)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        unavailable = f'Shared state in Postgres (connection "{self.conn_id}") is unavailable'
        try:
            yield
        except ImportError as error:
            raise SharedStateError(f"{unavailable}: {error}. Install airflow-provider-iqm[postgres].") from error
        except Exception as error:
            # Reread the connection next time, in case it was corrected.
            self.__dict__.pop("_hook", None)
            reason = " ".join(str(error).split())
            raise SharedStateError(f"{unavailable}: {type(error).__name__}: {reason}") from error


def _execute(connection: Any, statement: str, values: Mapping[str, Any]) -> Any:
    if hasattr(connection, "pgconn"):
        # psycopg 3 only sends several statements at once if it binds their parameters on the client, as psycopg2 does.
        from psycopg import ClientCursor

        cursor = ClientCursor(connection)
    else:
        cursor = connection.cursor()
    with closing(cursor):
        cursor.execute(statements.SETTINGS + statement, values)
        while hasattr(connection, "pgconn") and cursor.nextset():
            pass
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def _code(error: Exception) -> str | None:
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
