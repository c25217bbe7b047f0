"""Tasks that share nothing but the slots of a pool keep the limit together."""

from __future__ import annotations

import heapq
import itertools
import random

import pytest

from airflow_provider_iqm.client.rate_limit.pool_slots import SlotLedger, slot_wait
from airflow_provider_iqm.shared_state.ledger import LATE, RateLimit
from airflow_provider_iqm.shared_state.store import MAX_FULL

LIMIT = RateLimit(20, 60)
WINDOW = LIMIT.window


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(clock):
    return SlotLedger(clock=clock)


def ask(ledger, request):
    return ledger.ask("", str(request), LIMIT)


def end(ledger, request):
    ledger.end("", str(request), LIMIT)


def test_the_first_request_waits_for_earlier_uses_of_the_slot(ledger, clock):
    ledger.add_slots(1, age=20)
    assert ask(ledger, 1) == WINDOW + LATE - 20
    clock.now += WINDOW + LATE - 20
    assert ask(ledger, 1) == 0


def test_a_slot_is_blocked_for_a_window_after_the_response(ledger, clock):
    ledger.add_slots(1, age=100)
    assert ask(ledger, 1) == 0
    clock.now += 25
    end(ledger, 1)
    clock.now += 5
    assert ask(ledger, 2) == WINDOW - 5


def test_a_slot_is_blocked_while_its_request_is_in_flight(ledger, clock):
    ledger.add_slots(1, age=100)
    assert ask(ledger, 1) == 0
    clock.now += 10 * WINDOW
    assert ask(ledger, 2) > 0


def test_all_slots_can_be_used_at_once(ledger, clock):
    ledger.add_slots(4, age=100)
    assert [ask(ledger, number) for number in range(5)] == [0, 0, 0, 0, WINDOW]


def test_later_slots_wait_longer(ledger, clock):
    ledger.add_slots(1, age=100)
    assert ask(ledger, 1) == 0
    ledger.add_slots(1, age=WINDOW)
    assert ask(ledger, 2) == LATE
    clock.now += LATE
    assert ask(ledger, 2) == 0


def test_a_slot_used_by_another_trigger_counts_against_its_own(ledger, clock):
    first, _ = ledger.add_slots(1, age=100), ledger.add_slots(1, age=100)
    # Both requests are the second trigger's.
    assert ask(ledger, 1) == ask(ledger, 2) == 0
    end(ledger, 1)
    is_used = ledger.remove_slots(first)
    assert not is_used()
    assert ask(ledger, 3) == WINDOW
    clock.now += 5
    end(ledger, 2)
    clock.now += WINDOW - 5
    # The first one counts no more, but there is one slot for both.
    assert ask(ledger, 3) == 5


def test_slots_are_released_when_no_request_uses_them(ledger, clock):
    first, _ = ledger.add_slots(1, age=100), ledger.add_slots(1, age=100)
    assert ask(ledger, 1) == ask(ledger, 2) == 0
    is_used = ledger.remove_slots(first)
    assert is_used()
    end(ledger, 1)
    assert not is_used()


def test_without_slots_the_limit_applies_to_the_process(ledger):
    assert [ask(ledger, number) for number in range(21)] == [0] * 20 + [WINDOW]


def test_after_a_refusal_nothing_is_sent(ledger, clock):
    ledger.add_slots(5, age=100)
    assert ask(ledger, 1) == 0
    ledger.end("", "1", LIMIT, full_for=100)
    assert ask(ledger, 2) == 100


def test_a_429_blocks_no_longer_than_the_shared_ledgers_limit(ledger):
    ledger.end("", "1", LIMIT, full_for=10 * MAX_FULL)
    assert ask(ledger, 2) == MAX_FULL


@pytest.mark.parametrize("window", [60.0, 6.0])
def test_the_margin_for_killed_processes_scales_with_the_window(window):
    assert slot_wait(window) == window * 7 / 6


@pytest.mark.parametrize("seed", range(300))
def test_no_window_holds_more_requests_than_the_pool_has_slots(seed):
    """A triggerer whose triggers share their slots, and tasks that get the slots when a trigger ends."""
    rng, clock = random.Random(seed), Clock()
    pool, free = 6, 6
    triggerer = SlotLedger(clock=clock)
    counted: list[float] = []
    order = itertools.count()
    events: list = []

    def send(ledger, requests):
        for number in range(requests):
            request = f"{next(order)}-{number}"
            while wait := ask(ledger, request):
                yield min(wait, LIMIT.poll_interval)
            duration = rng.choice([0.1, 1, 30, 110])
            counts_at = duration * rng.choice([0, 1, rng.random()])
            counted.append(clock.now + counts_at)
            yield duration
            end(ledger, request)
            yield rng.choice([0, 0, 5, 60])

    def work(slots):
        """A task waits in the triggerer, and goes on in a worker."""
        held = triggerer.add_slots(slots)
        yield from send(triggerer, rng.randint(1, 8))
        is_used = triggerer.remove_slots(held)
        while is_used():
            yield 0.1
        yield rng.choice([0, 1])
        own = SlotLedger(clock=clock)
        own.add_slots(slots)
        if rng.random() < 0.3:
            # Killed while it sends; IQM counts the request late.
            request = str(next(order))
            while wait := ask(own, request):
                yield min(wait, LIMIT.poll_interval)
            counted.append(clock.now + rng.uniform(0, LATE))
            return
        yield from send(own, rng.randint(0, 3))

    waiting = [rng.randint(1, 3) for _ in range(12)]
    while waiting or events:
        while waiting and waiting[0] <= free:
            slots = waiting.pop(0)
            free -= slots
            heapq.heappush(events, (clock.now, next(order), slots, work(slots)))
        moment, _, slots, task = heapq.heappop(events)
        clock.now = max(clock.now, moment)
        try:
            heapq.heappush(events, (clock.now + next(task), next(order), slots, task))
        except StopIteration:
            free += slots
    counted.sort()
    for first, last in zip(counted, counted[pool:], strict=False):
        # A millionth of a second for the arithmetic.
        assert last - first >= WINDOW - 1e-6
