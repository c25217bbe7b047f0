from __future__ import annotations

import itertools

import pytest

from airflow_provider_iqm.shared_state.ledger import GRACE, LATE, MIN_WAIT, Ledger, RateLimit
from tests.unit.shared_state.simulation import Clock, ModelStore, Simulation

LIMIT = RateLimit(3, 60)


def ask(ledger, request, now, **options):
    return ledger.ask(request, LIMIT, now=now, lease=120, **options)


def full(now=0.0):
    """A ledger that three requests fill, answered a second apart."""
    ledger = Ledger()
    for second in range(3):
        assert ask(ledger, f"r{second}", now) == 0
        ledger.end(f"r{second}", LIMIT, now=now + second)
    return ledger


def test_requests_are_immediate_until_the_limit_then_wait_a_window():
    ledger = full()
    assert ask(ledger, "a", 10) == 50
    assert ask(ledger, "b", 10) == 51
    assert ask(ledger, "c", 10) == 52
    assert ask(ledger, "d", 10) == 110
    assert ask(ledger, "a", 60) == 0


def test_a_request_counts_while_it_is_in_flight():
    ledger = Ledger()
    for request in "abc":
        assert ask(ledger, request, 0) == 0
    assert ask(ledger, "d", 100) == 60
    ledger.renew("a", LIMIT, now=100, lease=120)
    ledger.end("b", LIMIT, now=100)
    assert ask(ledger, "d", 160) == 0


def test_requests_are_sent_in_the_order_of_the_queue():
    ledger = full()
    for number, request in enumerate("abc"):
        assert ask(ledger, request, 50 + number) > 0
    # The first place is free, but it is another's.
    assert ask(ledger, "c", 60) > 0
    assert ask(ledger, "b", 60) > 0
    assert ask(ledger, "a", 60) == 0


def test_asking_again_changes_nothing():
    ledger = Ledger()
    for _ in range(10):
        assert ask(ledger, "a", 0) == 0
    assert len(ledger.sent) == 1


def test_a_place_in_the_queue_expires():
    ledger = full()
    assert ask(ledger, "a", 50) == 10
    assert ask(ledger, "b", 60.5) > 0
    assert ask(ledger, "b", 60 + GRACE) == 0


def test_a_place_in_the_queue_is_held_for_another_process():
    ledger = full()
    assert ask(ledger, "a", 50, hold=300, owner="dead") == 10
    assert ask(ledger, "b", 62.5) == 0
    assert ask(ledger, "c", 62.5) == 0
    assert ask(ledger, "d", 62.5) > 0
    assert ask(ledger, "a", 349, hold=300) == MIN_WAIT
    assert ask(ledger, "a", 640, owner="other") == 0


def test_a_dead_process_loses_its_place_at_once():
    ledger = full()
    assert ask(ledger, "a", 50, owner="dead") == 10
    assert ask(ledger, "b", 60, is_running=lambda process: process != "dead") == 0


def test_requests_of_a_dead_process_end_when_it_is_detected():
    ledger = Ledger()
    for request in "abc":
        assert ask(ledger, request, 0, owner="dead") == 0
    assert ask(ledger, "d", 5, is_running=lambda process: process != "dead") == 60
    assert ask(ledger, "d", 5 + LATE + 59) == 1
    assert ask(ledger, "d", 5 + LATE + 60) == 0


def test_leases_expire_if_they_are_not_renewed():
    ledger = Ledger()
    for request in "abc":
        assert ask(ledger, request, 0) == 0
    assert ask(ledger, "d", 179) > 0
    assert ask(ledger, "d", 180) == 0


def test_a_429_blocks_all_requests_until_retry_after():
    ledger = Ledger()
    assert ask(ledger, "a", 0) == 0
    ledger.end("a", LIMIT, now=1, full_for=100)
    assert ask(ledger, "b", 2) == 99
    assert ask(ledger, "b", 100) == 1
    assert ask(ledger, "b", 101) == 0


def test_a_request_that_gives_up_leaves_the_queue_and_does_not_count():
    ledger = full()
    assert ask(ledger, "a", 50) > 0
    ledger.end("a", LIMIT, now=51)
    assert "a" not in ledger.sent
    assert ask(ledger, "b", 60) == 0


@pytest.mark.parametrize("sees_processes", [True, False])
@pytest.mark.parametrize("chunk", range(10))
def test_no_window_ever_holds_more_requests_than_the_limit(chunk, sees_processes):
    """10,000 schedules of tasks that die and are suspended, each counted at another moment."""
    counted = 0
    for seed in range(chunk * 500, (chunk + 1) * 500):
        clock = Clock()
        store = ModelStore(clock, sees_processes=sees_processes)
        run = Simulation(store, clock, seed, RateLimit(1 + seed % 5, 60), tasks=1 + seed % 12).run()
        run.check_limit()
        counted += len(run.counted)
    assert counted > 2000


@pytest.mark.parametrize("seed", range(20))
def test_the_limit_is_fully_used_in_the_order_of_the_queue(seed):
    clock = Clock()
    limit = RateLimit(20, 60)
    run = Simulation(ModelStore(clock), clock, seed, limit, tasks=150, disturbed=False).run()
    run.check_limit()
    counted = sorted(run.counted)
    # While at least 40 tasks wait, whatever they do between two requests.
    busy = counted[: len(counted) - 40]
    windows = (busy[-1] - busy[0]) / limit.window
    assert len(busy) >= 0.9 * limit.requests * windows
    # Who sleeps while others ahead give up learns of it at the next poll.
    allowed = [run.allowed[request] for request in run.asked if request in run.allowed]
    assert all(earlier <= later + limit.poll_interval for earlier, later in itertools.combinations(allowed, 2))


def test_waits_are_exact():
    clock = Clock()
    run = Simulation(ModelStore(clock), clock, 0, RateLimit(2, 60), tasks=10, disturbed=False).run()
    gaps = [later - earlier for earlier, later in itertools.pairwise(sorted(run.counted))]
    assert max(gaps) < 60 + 2
