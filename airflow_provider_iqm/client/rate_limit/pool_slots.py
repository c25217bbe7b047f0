"""The request ledger of one process, for tasks that only share the slots of an Airflow pool."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_iqm.shared_state.ledger import LATE, MIN_WAIT, Ledger, RateLimit
from airflow_provider_iqm.shared_state.store import MAX_FULL

DAY = 24 * 60 * 60.0


def slot_wait(window: float) -> float:
    """
    Return how many seconds a task waits before it uses a new slot.

    :param window: The rate limit window in seconds. Tests shorten it, and with it the margin for killed processes.
    """
    return window + min(LATE, window / 6)


@dataclass(frozen=True, eq=False)
class Slots:
    """
    Pool slots that a task holds.

    :param count: The number of slots.
    :param since: The time at which the task got them, in seconds of the ledger's clock.
    """

    count: int
    since: float


class SlotLedger:
    """
    Counts the requests of this process, of which each pool slot allows one per window.

    A slot may be used :func:`slot_wait` after the task got it: its previous task may have used it until then, and a
    killed process may have left a request behind. Without slots, the connection's limit applies to this process.

    :param clock: A monotonic clock, in seconds.
    """

    lease = DAY

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._slots: list[Slots] = []
        self._in_flight: set[str] = set()

    @property
    def has_slots(self) -> bool:
        """Whether there are slots; without any, the connection's limit applies to this process."""
        return any(slots.count for slots in self._slots)

    def add_slots(self, count: int, *, age: float = 0.0) -> Slots:
        """
        Add slots, and return them.

        :param count: The number of slots.
        :param age: Seconds since the task got them.
        """
        slots = Slots(count, self._clock() - age)
        with self._lock:
            self._slots.append(slots)
        return slots

    def remove_slots(self, slots: Slots) -> Callable[[], bool]:
        """
        Remove slots before another task gets them.

        :param slots: The slots.
        :return: A function that returns whether requests still use them; the task must not end until it returns False.
        """
        with self._lock:
            self._slots.remove(slots)
            before = frozenset(self._in_flight)
            left = sum(slots.count for slots in self._slots)
        return lambda: len(before & self._in_flight) > left

    def rest(self, seconds: float) -> None:
        """Block all requests for some seconds, because requests were sent that aren't in this ledger."""
        with self._lock:
            self._ledger.full_until = max(self._ledger.full_until, self._clock() + seconds)

    def recent(self) -> list[str]:
        """Return the ids of the requests that count now."""
        with self._lock:
            now = self._clock()
            return [request for request, entry in self._ledger.sent.items() if entry.until > now]

    def ask(self, account: str, request: str, limit: RateLimit, *, hold: float = 0.0) -> float:
        """Return how many seconds a request has to wait; 0 if it may be sent, which counts it."""
        with self._lock:
            now = self._clock()
            moments = [(slots.since + slot_wait(limit.window), slots.count) for slots in self._slots if slots.count]
            usable = sum(count for moment, count in moments if moment <= now) if moments else limit.requests
            more_in = min((moment - now for moment, _ in moments if moment > now), default=float("inf"))
            if not usable:
                return max(more_in, MIN_WAIT)
            own_limit = RateLimit(usable, limit.window)
            wait = self._ledger.ask(request, own_limit, now=now, lease=self.lease, hold=hold)
            if not wait:
                self._in_flight.add(request)
            return min(wait, more_in)

    def renew(self, account: str, request: str, limit: RateLimit) -> None:
        """Do nothing: this process sends the request itself."""

    def end(self, account: str, request: str, limit: RateLimit, *, full_for: float = 0.0) -> None:
        """Record that a request got a response or failed, or that it leaves the queue."""
        with self._lock:
            self._in_flight.discard(request)
            self._ledger.end(request, limit, now=self._clock(), full_for=min(full_for, MAX_FULL))
