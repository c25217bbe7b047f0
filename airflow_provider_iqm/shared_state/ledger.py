"""
The rules of an account's request ledger, without storage.

A request counts against the account's limit from the time it may be sent until one window after its response, because
IQM may count it at any time in between. If fewer requests than the limit count, the next one may be sent; otherwise it
waits in a queue, first come, first served. The stores for Redis and Postgres implement the same rules in Lua and SQL;
tests compare them with this class, operation by operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

GRACE = 10.0
"""Seconds after the time to ask again until a place in the queue expires."""

LATE = 10.0
"""Seconds after the death of a process within which IQM may count a request of that process."""

MIN_WAIT = 0.001
"""The shortest wait of a request that may not be sent yet, in seconds."""


@dataclass(frozen=True)
class RateLimit:
    """
    The rate limit of an account.

    :param requests: The number of requests in any window.
    :param window: Length of the window in seconds.
    """

    requests: int
    window: float

    @property
    def poll_interval(self) -> float:
        """
        The maximum interval, in seconds, at which a waiting request must ask again.

        The store keeps its place for this time plus :data:`GRACE`. With a shorter interval, requests notice sooner that
        the queue got shorter because others died or gave up.
        """
        return self.window / 4


@dataclass
class Entry:
    """
    A request in the ledger.

    :param until: The time at which it stops counting, or loses its place in the queue.
    :param owner: The process that waits in the queue or for the response; empty if there is none or it is unknown.
    """

    until: float
    owner: str = ""


@dataclass
class Ledger:
    """
    The requests of one account.

    A request has a unique id. All times are seconds of a clock that all callers share.

    :param sent: Requests that count: in flight, or with a response less than a window ago.
    :param waiting: Requests that wait, in the order of the queue.
    :param full_until: The time until which IQM rejects requests, after HTTP 429.
    """

    sent: dict[str, Entry] = field(default_factory=dict)
    waiting: dict[str, Entry] = field(default_factory=dict)
    full_until: float = 0.0

    def ask(
        self,
        request: str,
        limit: RateLimit,
        *,
        now: float,
        lease: float,
        hold: float = 0.0,
        owner: str = "",
        is_running: Callable[[str], bool] = bool,
    ) -> float:
        """
        Return how many seconds a request has to wait; 0 if it may be sent, which counts it.

        Asking again with the same id is safe: the request keeps its place in the queue, or stays allowed.

        :param request: The request's id.
        :param limit: The account's limit.
        :param now: The current time.
        :param lease: Seconds after which the request counts as ended if it isn't renewed.
        :param hold: Seconds to keep its place in the queue for any process that asks with the same id, without
            allowing the request yet; 0 to allow it, or to keep its place until it is time to ask again.
        :param owner: The process that asks.
        :param is_running: Returns whether the process of an entry is running.
        """
        self._remove_expired(now)
        self._end_requests_of_dead(limit, now, is_running)
        if request in self.sent:
            self.renew(request, limit, now=now, lease=lease, owner=owner)
            return 0.0
        ticket = self.waiting.setdefault(request, Entry(now))
        ticket.until, ticket.owner = now + GRACE, owner
        unused = limit.requests - len(self.sent)
        allowed = unused if self.full_until <= now else 0
        self._remove_dead(allowed, is_running)
        position = list(self.waiting).index(request)
        if position < allowed and not hold:
            del self.waiting[request]
            self.renew(request, limit, now=now, lease=lease, owner=owner)
            return 0.0
        wait = max(self._wait(position, limit, unused, now), self.full_until - now, MIN_WAIT)
        ticket.until = now + (hold or min(wait, limit.poll_interval) + GRACE)
        if hold:
            ticket.owner = ""
        return wait

    def renew(self, request: str, limit: RateLimit, *, now: float, lease: float, owner: str = "") -> None:
        """
        Record that a request is still in flight.

        :param request: The request's id.
        :param limit: The account's limit.
        :param now: The current time.
        :param lease: Seconds after which it counts as ended if it isn't renewed.
        :param owner: The process that sends it.
        """
        self.sent[request] = Entry(now + lease + limit.window, owner)

    def end(self, request: str, limit: RateLimit, *, now: float, full_for: float = 0.0) -> None:
        """
        Record that a request got a response or failed, or that it leaves the queue.

        :param request: The request's id.
        :param limit: The account's limit.
        :param now: The current time.
        :param full_for: Seconds for which IQM rejects all requests of the account.
        """
        if full_for > 0:
            self.full_until = max(self.full_until, now + full_for)
        if self.waiting.pop(request, None) is None:
            self.sent[request] = Entry(now + limit.window)

    def _remove_expired(self, now: float) -> None:
        for entries in (self.sent, self.waiting):
            for request in [request for request, entry in entries.items() if entry.until <= now]:
                del entries[request]

    def _end_requests_of_dead(self, limit: RateLimit, now: float, is_running: Callable[[str], bool]) -> None:
        """Record that requests of dead processes have ended."""
        for entry in self.sent.values():
            if entry.owner and not is_running(entry.owner):
                entry.until, entry.owner = min(entry.until, now + LATE + limit.window), ""

    def _remove_dead(self, allowed: int, is_running: Callable[[str], bool]) -> None:
        """Remove requests of dead processes from the front of the queue."""
        while dead := [
            request
            for request, entry in islice(self.waiting.items(), max(allowed, 0))
            if entry.owner and not is_running(entry.owner)
        ]:
            for request in dead:
                del self.waiting[request]

    def _wait(self, position: int, limit: RateLimit, unused: int, now: float) -> float:
        """Return the seconds until the request at a position of the queue may be sent, if responses take no time."""
        rounds, place = divmod(position, limit.requests)
        index = place - unused
        free_at = now
        if index >= 0:
            free_at = min(sorted(entry.until for entry in self.sent.values())[index], now + limit.window)
        return free_at - now + rounds * limit.window
