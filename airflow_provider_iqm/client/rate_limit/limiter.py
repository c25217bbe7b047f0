"""Limits the requests of a connection with a shared ledger, or with this process's own if that is unavailable."""

from __future__ import annotations

import threading
import time

from airflow_provider_iqm.client.rate_limit.pool_slots import SlotLedger, slot_wait
from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.metrics import report_rejected_request, report_request
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.shared_rate_limiter import Reservation, SharedRateLimiter, SharedTurn

RETRY_STORE_AFTER = 30.0
"""Seconds before a store that failed is tried again."""

MIN_LOGGED_WAIT = 1.0
"""The shortest wait that is logged, in seconds."""


class RateLimiter:
    """
    Decides when a request of a connection may be sent.

    :param slots: The ledger of this process, used in scope ``pool``, and while the shared one is unavailable.
    :param shared: The limiter with the shared ledger; None in scope ``pool``.
    :param limit: The account's limit.
    :param pool: The pool of the slots.
    :param shared_by: What shares the limit, for the log.
    :param log: Logs the limit once, and failures of the store.
    """

    def __init__(
        self,
        slots: SlotLedger,
        shared: SharedRateLimiter | None,
        *,
        limit: RateLimit,
        pool: str,
        shared_by: str,
        log: Log,
    ) -> None:
        self.slots = slots
        self.limit = limit
        self._shared = shared
        self._own = SharedRateLimiter(slots, "", limit, log=log)
        self._pool = pool
        self._shared_by = shared_by
        self._log = log
        self._is_logged = False
        self._failed = False
        self._sent_shared = False
        self._retry_at = float("-inf")

    @property
    def label(self) -> str:
        """The current limit, for the log."""
        if (not self._shared or self._failed) and self.slots.has_slots:
            return f"a slot of pool {self._pool} is one request in {self.limit.window:g} s"
        scope = self._shared_by if self._shared and not self._failed else "for this process only"
        return f"{self.limit.requests} requests in {self.limit.window:g} s, {scope}"

    def new_turn(self, request: str | None = None, *, iqm_conn_id: str = "") -> RequestTurn:
        """
        Return the turn of a request.

        :param request: The request's id, if it has a place in the shared ledger's queue.
        :param iqm_conn_id: The connection that the request is sent with, for metrics.
        """
        return RequestTurn(self, request, iqm_conn_id=iqm_conn_id)

    def reserve(self, request: str | None = None, *, longer_than: float, seconds: float) -> Reservation | None:
        """
        Take a place in the shared ledger's queue, or keep one, if the request has to wait long.

        :param request: The request's id, if it has a place.
        :param longer_than: The shortest wait, in seconds, for which a place is taken.
        :param seconds: How long to keep the place.
        :return: The place; None if the wait is shorter, or if there is no shared ledger.
        """
        if not self._shared or self._failed:
            return None
        try:
            reservation = self._shared.reserve(request, seconds=seconds)
            if reservation.wait > longer_than:
                return reservation
            if request is None:
                self._shared.release(reservation)
        except SharedStateError as error:
            self.fall_back(error)
        return None

    def may_return(self, turn: SharedTurn) -> bool:
        """
        Return whether to try the shared ledger again for a request that waits in the process's own.

        :param turn: The request's turn.
        """
        return self._shared is not None and turn.waits_in(self._own) and time.monotonic() >= self._retry_at

    def start_turn(self, own: SharedTurn | None = None, request: str | None = None) -> tuple[SharedTurn, float]:
        """
        Start a turn in the shared ledger if possible; return the turn, and how many seconds it has to wait.

        :param own: A turn that waits in the process's own ledger. It keeps its place there if the shared ledger is
            unavailable; otherwise the place expires.
        :param request: The request's id, if it has a place in the shared ledger's queue.
        """
        self._log_once()
        if self._shared and time.monotonic() >= self._retry_at:
            turn = self._shared.new_turn(request)
            try:
                self._hand_over(self._shared)
                wait = turn.ask()
            except SharedStateError as error:
                self.fall_back(error)
            else:
                self._recover()
                return turn, wait
        turn = own or self._own.new_turn()
        return turn, turn.ask()

    def fall_back(self, error: SharedStateError) -> None:
        """
        Use the process's own ledger for a while.

        :param error: The failure of the shared ledger.
        """
        self._retry_at = time.monotonic() + RETRY_STORE_AFTER
        if self._failed:
            return
        self._failed = True
        if self._sent_shared:
            # Other tasks may have used this task's share of the limit.
            self.slots.rest(slot_wait(self.limit.window))
        self._log.warning("%s Until it works again: %s.", error, self.label)

    def _log_once(self) -> None:
        if self._is_logged:
            return
        self._is_logged = True
        hint = ""
        if not self._shared and self.slots.has_slots:
            hint = (
                f", and the first one waits {slot_wait(self.limit.window):.0f} s. To remove this wait, set "
                "shared_state_conn_id in the connection, or rate_limit_scope to host if all tasks and triggers run on "
                "one host"
            )
        self._log.info("Rate limit: %s%s", self.label, hint)

    def _hand_over(self, shared: SharedRateLimiter) -> None:
        """Record requests that were sent in the meantime in the shared ledger."""
        if self._failed:
            for request in self.slots.recent():
                shared.store.end(shared.account, request, self.limit)

    def _recover(self) -> None:
        self._sent_shared = True
        if self._failed:
            self._failed = False
            self._log.info("Rate limit: %s", self.label)


class RequestTurn:
    """
    The turn of one request, in the shared ledger or the process's own.

    Call :meth:`ask` at least every :attr:`RateLimit.poll_interval` seconds until the request may be sent, then
    :meth:`start`, and :meth:`end` in any case. :meth:`ask` and :meth:`end` wait for the store.

    :param limiter: The rate limiter.
    :param request: The request's id, if it has a place in the shared ledger's queue.
    :param iqm_conn_id: The connection that the request is sent with, for metrics.
    """

    def __init__(self, limiter: RateLimiter, request: str | None = None, *, iqm_conn_id: str = "") -> None:
        self._limiter = limiter
        self._request = request
        self._iqm_conn_id = iqm_conn_id
        self._created = time.monotonic()
        self._turn: SharedTurn | None = None
        self._ended = False
        self._lock = threading.Lock()

    def ask(self) -> float:
        """Return how many seconds to wait before asking again; 0 if the request may be sent now."""
        limiter = self._limiter
        # If the wait is abandoned while a thread asks, end() must come afterwards.
        with self._lock:
            if self._ended:
                return limiter.limit.window
            turn = self._turn
            if turn and not limiter.may_return(turn):
                try:
                    return turn.ask()
                except SharedStateError as error:
                    limiter.fall_back(error)
                    turn = None
            self._turn, wait = limiter.start_turn(turn, self._request)
            return wait

    def start(self) -> None:
        """Record that the request is being sent."""
        report_request(waited=time.monotonic() - self._created, iqm_conn_id=self._iqm_conn_id)
        if self._turn:
            self._turn.start()

    def refuse(self, retry_after: float | None) -> None:
        """
        Record that IQM rejected the request with HTTP 429.

        :param retry_after: Seconds until IQM accepts requests; None if IQM didn't say.
        """
        report_rejected_request(iqm_conn_id=self._iqm_conn_id)
        if self._turn:
            self._turn.refuse(retry_after)

    def end(self) -> None:
        """Record that the request got a response or failed, or that it won't be sent."""
        with self._lock:
            self._ended = True
            if self._turn:
                self._turn.end()
