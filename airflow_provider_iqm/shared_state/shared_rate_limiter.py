"""Keeps an account's rate limit together with all others that share its ledger."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.process import host_clock
from airflow_provider_iqm.shared_state.store import RequestStore

MAX_GRANT_AGE = 10.0
"""
Seconds for which a request may be sent after it was allowed, without asking again.

It is much shorter than a lease, so that a request counts even if its process is suspended right before sending it.
"""


class SharedRateLimiter:
    """
    Tells when a request of an account may be sent.

    Usable in threads; an event loop calls it by ``asyncio.to_thread``. Each request gets a turn::

        turn = limiter.new_turn()
        while wait := turn.ask():
            time.sleep(min(wait, limiter.limit.poll_interval))
        with turn:
            send()

    :param store: Where the account's ledger is.
    :param account: The account's key.
    :param limit: The account's limit.
    :param log: Where failures of the store are logged.
    :param clock: Returns the seconds of a clock that goes on while the host is suspended.
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

        :param request: The request's id, if another process has held a place in the queue for it.
        """
        return SharedTurn(self, request or uuid.uuid4().hex)


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

    def ask(self, *, hold: float = 0.0) -> float:
        """
        Return how many seconds to wait; 0 if the request may be sent now.

        Call it again after :attr:`RateLimit.poll_interval` at the latest, or the place in the queue is lost, and right
        before sending: a process that was suspended since asks anew, all others do without the store.

        :param hold: Seconds for which the place is kept for another process that goes on with the same request.
        :raises SharedStateError: The store can't be used.
        """
        limiter = self._limiter
        # If the wait is abandoned while a thread asks, the end must come after it.
        with self._lock:
            while limiter.clock() - self._allowed_at > MAX_GRANT_AGE:
                if self._ended.is_set():
                    return limiter.limit.window
                asked_at = limiter.clock()
                wait = limiter.store.ask(limiter.account, self.request, limiter.limit, hold=hold)
                if wait > 0:
                    return wait
                self._allowed_at = asked_at
        return 0.0

    def waits_in(self, limiter: SharedRateLimiter) -> bool:
        """
        Return whether the request hasn't been allowed yet, and waits in the ledger of a limiter.

        :param limiter: The limiter.
        """
        return self._limiter is limiter and self._allowed_at == float("-inf")

    def start(self) -> None:
        """Note that the request is being sent: renew its lease until it ends."""
        threading.Thread(target=self._renew, name=f"iqm-request-{self.request}", daemon=True).start()

    def refuse(self, retry_after: float | None) -> None:
        """
        Note that IQM has refused the request with HTTP 429: the account is full, for everybody.

        :param retry_after: Seconds until requests are accepted, if IQM said so; without it, a window.
        """
        self._full_for = self._limiter.limit.window if retry_after is None else retry_after

    def end(self) -> None:
        """Note that the request was answered or has failed, or that it won't be sent; a failing store is logged."""
        self._ended.set()
        limiter = self._limiter
        try:
            # A renewal that is on its way must not come after the end.
            with self._lock:
                limiter.store.end(limiter.account, self.request, limiter.limit, full_for=self._full_for)
        except SharedStateError as error:
            limiter.log.warning("%s The request counts against the rate limit until its lease ends.", error)

    def __enter__(self) -> SharedTurn:
        """Start sending."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self.end()

    def _renew(self) -> None:
        limiter = self._limiter
        while not self._ended.wait(limiter.store.lease / 4):
            try:
                with self._lock:
                    if not self._ended.is_set():
                        limiter.store.renew(limiter.account, self.request, limiter.limit)
            except SharedStateError as error:
                limiter.log.warning("%s The request's lease was not renewed.", error)
