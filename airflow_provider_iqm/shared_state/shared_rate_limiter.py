"""Enforces an account's rate limit with a ledger that other processes share."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.process import host_clock
from airflow_provider_iqm.shared_state.store import RequestStore

MAX_GRANT_AGE = 10.0
"""
Seconds for which a request may be sent after it was allowed, without asking again.

This is much shorter than a lease, so that a request counts even if its process is suspended right before sending it.
"""


@dataclass(frozen=True)
class Reservation:
    """
    A place in an account's queue that isn't tied to a process.

    :param request: The id of the request that has the place.
    :param wait: Seconds until the request may be sent, about 0 if that is now.
    """

    request: str
    wait: float


class SharedRateLimiter:
    """
    Decides when a request of an account may be sent.

    It is thread-safe; in an event loop, call it with ``asyncio.to_thread``. Each request gets a turn::

        turn = limiter.new_turn()
        while wait := turn.ask():
            time.sleep(min(wait, limiter.limit.poll_interval))
        with turn:
            send()

    :param store: The store of the account's ledger.
    :param account: The account's key.
    :param limit: The account's limit.
    :param log: Logs failures of the store.
    :param clock: A clock that includes the time while the host is suspended, in seconds.
    """

    def __init__(
        self,
        store: RequestStore,
        account: str,
        limit: RateLimit,
        *,
        log: Log,
        clock: Callable[[], float] = host_clock,
    ) -> None:
        self.store = store
        self.account = account
        self.limit = limit
        self.log = log
        self.clock = clock

    def new_turn(self, request: str | None = None) -> SharedTurn:
        """
        Return the turn of a request.

        :param request: The request's id, if another process has a place in the queue for it.
        """
        return SharedTurn(self, request or uuid.uuid4().hex)

    def reserve(self, request: str | None = None, *, seconds: float) -> Reservation:
        """
        Take a place in the queue, or keep one; :meth:`new_turn` with its id sends the request, in any process.

        :param request: The request's id, if it has a place.
        :param seconds: How long to keep the place.
        :raises SharedStateError: The store is unavailable.
        """
        request = request or uuid.uuid4().hex
        return Reservation(request, self.store.ask(self.account, request, self.limit, hold=seconds))

    def release(self, reservation: Reservation) -> None:
        """
        Give up a place in the queue.

        :param reservation: The place.
        :raises SharedStateError: The store is unavailable.
        """
        self.store.end(self.account, reservation.request, self.limit)


class SharedTurn:
    """
    The turn of one request.

    :param limiter: The account's rate limiter.
    :param request: The request's id.
    """

    def __init__(self, limiter: SharedRateLimiter, request: str) -> None:
        self.request = request
        self._limiter = limiter
        self._allowed_at = float("-inf")
        self._full_for = 0.0
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def ask(self) -> float:
        """
        Return how many seconds to wait; 0 if the request may be sent now.

        Call it again within :attr:`RateLimit.poll_interval`, or the place in the queue is lost, and again right before
        sending: that only asks the store if the process was suspended in between.

        :raises SharedStateError: The store is unavailable.
        """
        limiter = self._limiter
        # If the wait is abandoned while a thread asks, end() must come afterwards.
        with self._lock:
            while limiter.clock() - self._allowed_at > MAX_GRANT_AGE:
                if self._ended.is_set():
                    return limiter.limit.window
                asked_at = limiter.clock()
                wait = limiter.store.ask(limiter.account, self.request, limiter.limit)
                if wait > 0:
                    return wait
                self._allowed_at = asked_at
        return 0.0

    def waits_in(self, limiter: SharedRateLimiter) -> bool:
        """
        Return whether the request is still waiting, in the ledger of the given limiter.

        :param limiter: The limiter.
        """
        return self._limiter is limiter and self._allowed_at == float("-inf")

    def start(self) -> None:
        """Record that the request is being sent, and renew its lease until it ends."""
        threading.Thread(target=self._renew, name=f"iqm-request-{self.request}", daemon=True).start()

    def refuse(self, retry_after: float | None) -> None:
        """
        Record that IQM rejected the request with HTTP 429, so that no process sends requests for a while.

        :param retry_after: Seconds until IQM accepts requests; None for a window.
        """
        self._full_for = self._limiter.limit.window if retry_after is None else retry_after

    def end(self) -> None:
        """Record that the request got a response or failed, or that it won't be sent; log failures of the store."""
        self._ended.set()
        limiter = self._limiter
        try:
            # A concurrent renewal must not follow the end.
            with self._lock:
                limiter.store.end(limiter.account, self.request, limiter.limit, full_for=self._full_for)
        except SharedStateError as error:
            limiter.log.warning("%s The request counts against the rate limit until its lease ends.", error)

    def __enter__(self) -> SharedTurn:
        """Start the request."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End the request."""
        self.end()

    def _renew(self) -> None:
        limiter = self._limiter
        while not self._ended.wait(limiter.store.lease / 4):
            try:
                with self._lock:
                    if not self._ended.is_set():
                        limiter.store.renew(limiter.account, self.request, limiter.limit)
            except SharedStateError as error:
                limiter.log.warning("%s The request's lease wasn't renewed.", error)
