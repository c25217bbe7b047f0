"""What a store of shared state can do. There is one for a host's files, one for Redis and one for Postgres."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_iqm.shared_state.ledger import RateLimit

LEASE = 120.0
"""
Seconds after which a request counts as answered if its process has stopped renewing it.

A suspended process that has just been allowed to send may sleep almost this long before it sends.
"""

MAX_HOLD = 3600.0
"""The longest time in seconds for which a place in a queue can be held."""

MAX_FULL = 3600.0
"""The longest time in seconds for which an account counts as full, whatever ``Retry-After`` says."""


class RequestStore(Protocol):
    """
    Holds the request ledgers of accounts.

    Each operation is atomic and may be repeated. Keys hold neither secrets nor personal data. If a store can't be used,
    every method raises :class:`~airflow_provider_iqm.exceptions.SharedStateError`.
    """

    lease: float
    """Seconds after which a request counts as answered if nobody renews it."""

    def ask(self, account: str, request: str, limit: RateLimit, *, hold: float = 0.0) -> float:
        """
        Return how many seconds a request has to wait; 0 if it may be sent, and counts from now on.

        A request that has to wait keeps its place in the queue if it asks again within
        :attr:`~airflow_provider_iqm.shared_state.ledger.RateLimit.poll_interval` seconds.

        :param account: The account's key.
        :param request: The request's id.
        :param limit: The account's limit.
        :param hold: Seconds for which its place in the queue is kept for whoever asks with the same id.
        """

    def renew(self, account: str, request: str, limit: RateLimit) -> None:
        """Note that a request is still being sent."""

    def end(self, account: str, request: str, limit: RateLimit, *, full_for: float = 0.0) -> None:
        """
        Note that a request was answered or has failed, or that it leaves the queue.

        :param full_for: Seconds for which IQM refuses all requests of the account.
        """


class SharedStore(RequestStore, Protocol):
    """
    Holds request ledgers, and small values that expire, for several processes.

    Each operation takes one round trip. Stores are safe in threads and after a fork.
    """

    def get(self, key: str) -> bytes | None:
        """Return a value; ``None`` if there is none, or it has expired."""

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value that expires."""

    def add(self, key: str, value: bytes, seconds: float) -> bool:
        """Store a value unless there is another, and return whether it was stored."""

    def remove(self, key: str, value: bytes) -> None:
        """Remove a value, if it is this one."""
