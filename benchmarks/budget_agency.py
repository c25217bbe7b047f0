"""
Simulates an agency's night: many accounts, each with more tasks than its limit allows at once, and one store for all.

The tasks run in virtual time; the store is a real Redis or Postgres, which gets the virtual time as its clock.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import statistics
import time
from collections.abc import Callable, Iterator

from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.shared_rate_limiter import SharedRateLimiter
from airflow_provider_iqm.shared_state.store import SharedStore

LIMIT = RateLimit(20, 60)

ACCOUNTS, TASKS = 500, 40
"""The number of accounts, and of the tasks of each."""

NIGHT = 3600.0
"""The seconds over which the nights of the accounts begin."""

MakeStore = Callable[[Callable[[], float]], SharedStore]


def main(stores: dict[str, MakeStore]) -> None:
    """
    Print a row for each store.

    :param stores: Store → how to make it for a clock.
    """
    print(f"\n{ACCOUNTS} accounts with {TASKS} tasks each, limit {LIMIT.requests} in {LIMIT.window:g} s, one store\n")
    print(
        "| store | requests | used of the budget, worst account | most in a window | operation, first and last tenth |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, make in stores.items():
        night = Night(make)
        night.run()
        used = min(map(budget_used, night.sent.values()))
        most = max(map(most_in_a_window, night.sent.values()))
        requests = sum(map(len, night.sent.values()))
        tenth = len(night.costs) // 10
        first, last = (1000 * statistics.median(part) for part in (night.costs[:tenth], night.costs[-tenth:]))
        print(f"| {name} | {requests:,} | {used:.0%} | {most} | {first:.2f} ms, {last:.2f} ms |", flush=True)


class Night:
    """
    The tasks of all accounts.

    :param make: Makes the store for a clock.
    """

    def __init__(self, make: MakeStore) -> None:
        self.now = time.time()
        self.sent: dict[str, list[float]] = {f"agency-{time.monotonic_ns()}-{each}": [] for each in range(ACCOUNTS)}
        self.costs: list[float] = []
        self._store = make(lambda: self.now)
        self._random = random.Random(0)

    def run(self) -> None:
        """Run all tasks to their ends."""
        order = itertools.count()
        events = []
        for account in self.sent:
            limiter = SharedRateLimiter(
                self._store, account, LIMIT, log=logging.getLogger(__name__), clock=lambda: self.now
            )
            begin = self.now + self._random.uniform(0, NIGHT)
            events += [(begin, next(order), self._task(limiter, account)) for _ in range(TASKS)]
        heapq.heapify(events)
        while events:
            self.now, _, task = heapq.heappop(events)
            started = time.perf_counter()
            pause = next(task, None)
            self.costs.append(time.perf_counter() - started)
            if pause is not None:
                heapq.heappush(events, (self.now + pause, next(order), task))

    def _task(self, limiter: SharedRateLimiter, account: str) -> Iterator[float]:
        """Wait for a turn and send a request; yield the seconds until the next operation."""
        turn = limiter.new_turn()
        while wait := turn.ask():
            yield min(wait, limiter.limit.poll_interval)
        self.sent[account].append(self.now)
        yield self._random.uniform(0.2, 1)
        turn.end()


def budget_used(moments: list[float]) -> float:
    """
    Return the share of an account's limit that was used while tasks waited.

    :param moments: When its requests were sent, in order.
    """
    windows = (len(moments) - 1) // LIMIT.requests
    return windows * LIMIT.window / (moments[windows * LIMIT.requests] - moments[0])


def most_in_a_window(moments: list[float]) -> int:
    """
    Return the largest number of requests in any window.

    :param moments: When the requests were sent, in order.
    """
    return max(sum(first <= moment < first + LIMIT.window for moment in moments) for first in moments)
