"""Shared state in Redis, for processes on several hosts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state import redis_scripts
from airflow_provider_iqm.shared_state.ledger import GRACE, RateLimit
from airflow_provider_iqm.shared_state.store import LEASE, MAX_FULL, MAX_HOLD

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

TIMEOUT = 5.0
"""Seconds to wait for a connection, and for a response."""

SECOND = 1_000_000
"""Redis's clock has microseconds."""


class RedisStore:
    """
    Shared state in Redis, accessed with Airflow's Redis hook.

    :param conn_id: An Airflow connection of type ``redis``.
    :param clock: A clock to use instead of Redis's own, in tests.
    """

    lease = LEASE

    def __init__(self, conn_id: str, *, clock: Callable[[], float] | None = None) -> None:
        self.conn_id = conn_id
        self._clock = clock

    def ask(self, account: str, request: str, limit: RateLimit, *, hold: float = 0.0) -> float:
        """Return how many seconds a request has to wait; 0 if it may be sent, which counts it."""
        seconds = (min(hold, MAX_HOLD), limit.poll_interval, GRACE)
        more = limit.requests, *map(_microseconds, seconds)
        return float(self._run(self._scripts["ask"], account, request, limit, *more)) / SECOND

    def renew(self, account: str, request: str, limit: RateLimit) -> None:
        """Record that a request is still in flight."""
        self._run(self._scripts["renew"], account, request, limit)

    def end(self, account: str, request: str, limit: RateLimit, *, full_for: float = 0.0) -> None:
        """Record that a request got a response or failed, or that it leaves the queue."""
        self._run(self._scripts["end"], account, request, limit, _microseconds(min(full_for, MAX_FULL)))

    def get(self, key: str) -> bytes | None:
        """Return a value; None if it doesn't exist or has expired."""
        with self._usable():
            value: Any = self._redis.get(f"iqm:{key}")
        return value.encode() if isinstance(value, str) else value

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value that expires."""
        with self._usable():
            self._redis.set(f"iqm:{key}", value, px=math.ceil(seconds * 1000))

    def add(self, key: str, value: bytes, seconds: float) -> bool:
        """Store a value unless the key has another one, and return whether it was stored."""
        with self._usable():
            return bool(self._scripts["add"](keys=[f"iqm:{key}"], args=[value, math.ceil(seconds * 1000)]))

    def remove(self, key: str, value: bytes) -> None:
        """Remove a value if it hasn't changed."""
        with self._usable():
            self._scripts["remove"](keys=[f"iqm:{key}"], args=[value])

    def _run(self, script: Script, account: str, request: str, limit: RateLimit, *arguments: int) -> Any:
        # The part in braces determines the node of a cluster: all keys of an account must be on the same one.
        keys = [f"iqm:{{{account}}}:{name}" for name in ("sent", "waiting", "places", "full")]
        now = _microseconds(self._clock()) if self._clock else ""
        common = (request, _microseconds(limit.window), _microseconds(self.lease), now)
        with self._usable():
            return script(keys=keys, args=[*common, *arguments])

    @cached_property
    def _redis(self) -> Redis:
        from airflow.providers.redis.hooks.redis import RedisHook
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        hook: Any = RedisHook(self.conn_id)
        client: Redis = hook.get_conn()
        # The hook has no timeouts, so a lost packet could block a task forever.
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            pool.connection_kwargs |= {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
            client.set_retry(Retry(NoBackoff(), 1))
        return client

    @cached_property
    def _scripts(self) -> dict[str, Script]:
        with self._usable():
            return {
                "ask": self._redis.register_script(redis_scripts.ASK),
                "renew": self._redis.register_script(redis_scripts.RENEW),
                "end": self._redis.register_script(redis_scripts.END),
                "add": self._redis.register_script(redis_scripts.ADD),
                "remove": self._redis.register_script(redis_scripts.REMOVE),
            }

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            import airflow.providers.redis.hooks.redis  # noqa: F401
            import redis  # noqa: F401
        except ImportError as error:
            raise SharedStateError(
                f'Shared state in Redis (connection "{self.conn_id}") is unavailable: {error}. '
                "Install airflow-provider-iqm[redis]."
            ) from error
        try:
            yield
        except SharedStateError:
            raise
        except Exception as error:  # noqa: BLE001 - errors of a cluster aren't RedisErrors
            # Reread the connection next time, in case it was corrected.
            for cached in ("_redis", "_scripts"):
                self.__dict__.pop(cached, None)
            # A server that doesn't know the login command quotes the password.
            reason = str(error).partition(", with args beginning with")[0]
            raise SharedStateError(
                f'Shared state in Redis (connection "{self.conn_id}") is unavailable: {type(error).__name__}: {reason}'
            ) from None


def _microseconds(seconds: float) -> int:
    return round(seconds * SECOND)
