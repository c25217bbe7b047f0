"""Simulates an account's tasks in virtual time: they wait, send, die and are suspended, and IQM counts."""

from __future__ import annotations

import heapq
import itertools
import logging
import random
from dataclasses import dataclass, field

from airflow_provider_iqm.shared_state.ledger import LATE, Ledger, RateLimit
from airflow_provider_iqm.shared_state.shared_rate_limiter import MAX_GRANT_AGE, SharedRateLimiter
from airflow_provider_iqm.shared_state.store import LEASE

SUSPENSION = 70.0


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class ModelStore:
    """A store in memory, whose processes the test lets die. ``sees_processes`` as the host's store does."""

    lease = LEASE

    def __init__(self, clock, *, sees_processes=True):
        self.clock = clock
        self.sees_processes = sees_processes
        self.process = ""
        self.dead = set()
        self.ledgers = {}

    def _ledger(self, account):
        return self.ledgers.setdefault(account, Ledger())

    @property
    def _owner(self):
        return self.process if self.sees_processes else ""

    def ask(self, account, request, limit, *, hold=0.0):
        return self._ledger(account).ask(
            request,
            limit,
            now=self.clock(),
            lease=self.lease,
            hold=hold,
            owner=self._owner,
            is_running=lambda process: process not in self.dead,
        )

    def renew(self, account, request, limit):
        self._ledger(account).renew(request, limit, now=self.clock(), lease=self.lease, owner=self._owner)

    def end(self, account, request, limit, *, full_for=0.0):
        self._ledger(account).end(request, limit, now=self.clock(), full_for=full_for)


@dataclass
class Simulation:
    """
    Tasks of one account, each a process of its own.

    :param store: The store, in the simulation's time.
    :param clock: The simulation's time.
    :param seed: What happens.
    :param limit: The account's limit.
    :param tasks: How many tasks there are.
    :param disturbed: Whether processes die and are suspended.
    """

    store: object
    clock: Clock
    seed: int
    limit: RateLimit
    tasks: int
    account: str = "account"
    disturbed: bool = True
    counted: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    allowed: dict = field(default_factory=dict)
    in_flight: set = field(default_factory=set)

    def run(self):
        self.random = random.Random(self.seed)
        limiter = SharedRateLimiter(
            self.store, self.account, self.limit, log=logging.getLogger(__name__), clock=self.clock
        )
        order = itertools.count()
        spread = self.random.choice([0, 10, 300])
        events = [
            (self.clock.now + self.random.uniform(0, spread), next(order), f"process {number}", self._task(limiter))
            for number in range(self.tasks)
        ]
        heapq.heapify(events)
        while events:
            moment, _, process, task = heapq.heappop(events)
            self.clock.now = max(self.clock.now, moment)
            if self.disturbed and self.random.random() < 0.02:
                getattr(self.store, "dead", set()).add(process)
                if process in self.in_flight:
                    self.counted.append(self.clock.now + self.random.uniform(0, LATE))
                continue
            self.store.process = process
            try:
                sleep = next(task)
            except StopIteration:
                continue
            if self.disturbed and self.random.random() < 0.05:
                sleep = max(sleep, self.random.uniform(0, SUSPENSION))
            heapq.heappush(events, (self.clock.now + sleep, next(order), process, task))
        return self

    def check_limit(self):
        """Check that no window holds more requests than the limit."""
        counted = sorted(self.counted)
        for first, last in zip(counted, counted[self.limit.requests :], strict=False):
            # A millionth of a second for the arithmetic.
            assert last - first >= self.limit.window - 1e-6, f"seed {self.seed}"

    def _task(self, limiter):
        """Send some requests; yield the seconds until the task goes on."""
        for _ in range(self.random.randint(1, 4)):
            turn = limiter.new_turn()
            self.asked.append(turn.request)
            while wait := turn.ask():
                yield min(wait, self.limit.poll_interval)
                if self.random.random() < 0.02:
                    break
            if wait:
                turn.end()
                continue
            self.allowed[turn.request] = self.clock.now
            if self.disturbed:
                # The body is made, and then the last look at the turn; a suspension may come before and after it.
                yield self.random.choice([0, 0, MAX_GRANT_AGE / 2, MAX_GRANT_AGE * 2])
                while wait := turn.ask():
                    yield min(wait, self.limit.poll_interval)
                yield 0
            yield from self._send(turn, limiter)
            yield self.random.choice([0, 0, 1, 40])

    def _send(self, turn, limiter):
        duration = self.random.choice([0.1, 0.1, 1, 20, 110, 400] if self.disturbed else [0.1, 0.5, 1])
        counts_at = duration * self.random.choice([0, 1, self.random.random()])
        # A process that dies meanwhile leaves this behind.
        self.in_flight.add(self.store.process)
        passed = 0.0
        while passed < duration:
            part = min(duration - passed, self.store.lease / 4)
            if self.store.process in self.in_flight and counts_at <= passed + part:
                self.in_flight.remove(self.store.process)
                self.counted.append(self.clock.now + counts_at - passed)
            yield part
            passed += part
            limiter.store.renew(limiter.account, turn.request, limiter.limit)
        if self.disturbed and self.random.random() < 0.05:
            turn.refuse(self.random.choice([None, 5, 100]))
        turn.end()
