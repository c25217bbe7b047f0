"""The interface of the stores of shared state: host files, Redis and Postgres."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_iqm.shared_state.ledger import RateLimit

LEASE = 120.0
"""
Seconds after which a request counts as ended if its process has stopped renewing it.

A process that was just allowed to send may be suspended for almost this long before it sends.
"""

MAX_HOLD = 3600.0
"""The maximum time for which a place in a queue can be held, in seconds."""

MAX_FULL = 3600.0
"""The maximum time for which an account counts as full, in seconds, regardless of ``Retry-After``."""


class RequestStore(Protocol):
    """
    Stores the request ledgers of accounts.

    Each operation is atomic and repeatable. Keys contain neither secrets nor personal data. If a store is unavailable,
    its methods raise :class:`~airflow_provider_iqm.exceptions.SharedStateError`.
    """

    lease: float
    """Seconds after which a request counts as ended if it isn't renewed."""

    def ask(self, account: str, request: str, limit: RateLimit, *, hold: float = 0.0) -> float:
        """
        Return how many seconds a request has to wait; 0 if it may be sent, which counts it.

        A request that has to wait keeps its place in the queue if it asks again within
        :attr:`~airflow_provider_iqm.shared_state.ledger.RateLimit.poll_interval` seconds.

        :param account: The account's key.
        :param request: The request's id.
        :param limit: The account's limit.
        :param hold: Seconds to keep its place in the queue for any process that asks with the same id, without
            allowing the request yet.
        """

    def renew(self, account: str, request: str, limit: RateLimit) -> None:
        """Record that a request is still in flight."""

    def end(self, account: str, request: str, limit: RateLimit, *, full_for: float = 0.0) -> None:
        """
        Record that a request got a response or failed, or that it leaves the queue.

        :param full_for: Seconds for which IQM rejects all requests of the account.
        """


class SharedStore(RequestStore, Protocol):
    """
    Stores request ledgers, and small values that expire, for several processes.

    Each operation takes one round trip. Stores are thread-safe and fork-safe.
    """

    def get(self, key: str) -> bytes | None:
        """Return a value; None if it doesn't exist or has expired."""

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value that expires."""

    def add(self, key: str, value: bytes, seconds: float) -> bool:
        """Store a value unless the key has another one, and return whether it was stored."""

    def remove(self, key: str, value: bytes) -> None:
        """Remove a value if it hasn't changed."""
