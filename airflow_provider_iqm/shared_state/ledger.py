"""
The rules of an account's request ledger, without storage.

A request counts against the account's limit from the moment it may be sent until one window after its answer, because
nobody knows at which moment in between IQM counts it. If fewer requests than the limit count, the next one may be sent;
otherwise it waits in a queue, in the order of asking. The stores for Redis and Postgres implement the same rules in Lua
and SQL; tests compare them with this class, operation by operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

GRACE = 10.0
"""Seconds that a place in the queue outlives the moment at which its owner has to ask again."""

LATE = 10.0
"""Seconds after the death of a process within which IQM may count a request that the process has sent."""

MIN_WAIT = 0.001
"""The shortest wait, in seconds, that is returned to a request that may not be sent yet."""


@dataclass(frozen=True)
class RateLimit:
    """
    How many requests an account may send.

    :param requests: The number of requests in any window.
    :param window: The window's length in seconds.
    """

    requests: int
    window: float

    @property
    def poll_interval(self) -> float:
        """
        The longest time in seconds for which a waiting request may sleep before it asks again.

        The store keeps its place for this time and :data:`GRACE`. A shorter one notices earlier that the queue has
        become shorter, because others have died or given up.
        """
        return self.window / 4


@dataclass
class Entry:
    """
    A request in the ledger.

    :param until: The moment at which it stops counting, or loses its place in the queue.
    :param owner: The process that is waiting for it, or for its answer; empty if nobody does or it can't be known.
    """

    until: float
    owner: str = ""


@dataclass
class Ledger:
    """
    The requests of one account.

    A request is named by a unique id. All moments are seconds of one clock that every caller shares.

    :param sent: Requests that count: being sent, or answered less than a window ago.
    :param waiting: Requests that wait, in the order of asking.
    :param full_until: The moment until which IQM refuses requests, as it said with HTTP 429.
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
        Return how many seconds a request has to wait; 0 if it may be sent, and counts from now on.

        Asking again with the same id is safe: it keeps its place in the queue, or stays allowed.

        :param request: The request's id.
        :param limit: The account's limit.
        :param now: The moment.
        :param lease: Seconds after which the request counts as answered if nobody renews it.
        :param hold: Seconds for which its place in the queue is kept; without it, until it is time to ask again.
        :param owner: The process that asks.
        :param is_running: Whether the process of an entry is running.
        """
        self._remove_expired(now)
        self._count_as_answered(limit, now, is_running)
        if request in self.sent:
            self.renew(request, limit, now=now, lease=lease, owner=owner)
            return 0.0
        ticket = self.waiting.setdefault(request, Entry(now))
        ticket.until, ticket.owner = now + GRACE, owner
        unused = limit.requests - len(self.sent)
        allowed = unused if self.full_until <= now else 0
        self._remove_dead(allowed, is_running)
        position = list(self.waiting).index(request)
        if position < allowed:
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
        Note that a request is still being sent.

        :param request: The request's id.
        :param limit: The account's limit.
        :param now: The moment.
        :param lease: Seconds after which it counts as answered if nobody renews it.
        :param owner: The process that sends it.
        """
        self.sent[request] = Entry(now + lease + limit.window, owner)

    def end(self, request: str, limit: RateLimit, *, now: float, full_for: float = 0.0) -> None:
        """
        Note that a request was answered or has failed, or that it leaves the queue.

        :param request: The request's id.
        :param limit: The account's limit.
        :param now: The moment.
        :param full_for: Seconds for which IQM refuses all requests of the account.
        """
        if full_for > 0:
            self.full_until = max(self.full_until, now + full_for)
        if self.waiting.pop(request, None) is None:
            self.sent[request] = Entry(now + limit.window)

    def _remove_expired(self, now: float) -> None:
        for entries in (self.sent, self.waiting):
            for request in [request for request, entry in entries.items() if entry.until <= now]:
                del entries[request]

    def _count_as_answered(self, limit: RateLimit, now: float, is_running: Callable[[str], bool]) -> None:
        """Let what a dead process was sending count as answered now."""
        for entry in self.sent.values():
            if entry.owner and not is_running(entry.owner):
                entry.until, entry.owner = min(entry.until, now + LATE + limit.window), ""

    def _remove_dead(self, allowed: int, is_running: Callable[[str], bool]) -> None:
        """Remove requests of dead processes that could be sent now; those behind them are no obstacle yet."""
        while dead := [
            request
            for request, entry in islice(self.waiting.items(), max(allowed, 0))
            if entry.owner and not is_running(entry.owner)
        ]:
            for request in dead:
                del self.waiting[request]

    def _wait(self, position: int, limit: RateLimit, unused: int, now: float) -> float:
        """Return the seconds until a place in the queue can be used, if each request is answered at once."""
        rounds, place = divmod(position, limit.requests)
        index = place - unused
        free_at = now
        if index >= 0:
            free_at = min(sorted(entry.until for entry in self.sent.values())[index], now + limit.window)
        return free_at - now + rounds * limit.window
