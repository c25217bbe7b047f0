from __future__ import annotations

import logging
import threading

import pytest

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.shared_rate_limiter import MAX_GRANT_AGE, SharedRateLimiter
from tests.unit.shared_state.simulation import Clock, ModelStore

LIMIT = RateLimit(1, 60)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return ModelStore(clock)


@pytest.fixture
def limiter(store, clock):
    return SharedRateLimiter(store, "account", LIMIT, log=logging.getLogger(__name__), clock=clock)


def join(turn):
    """Wait until the thread that renews the lease has ended."""
    for thread in threading.enumerate():
        if turn.request in thread.name:
            thread.join(10)
            assert not thread.is_alive()


def test_a_request_starts_and_ends_its_turn(limiter, store, clock):
    turn = limiter.new_turn()
    assert turn.ask() == 0
    with turn:
        clock.now += 5
    assert limiter.new_turn().ask() == 60
    assert [entry.until for entry in store.ledgers["account"].sent.values()] == [clock.now + 60]


def test_asking_again_right_before_sending_does_not_use_the_store(limiter, store, clock, monkeypatch):
    turn = limiter.new_turn()
    assert turn.ask() == 0
    monkeypatch.setattr(store, "ask", lambda *_, **__: pytest.fail("asked"))
    clock.now += MAX_GRANT_AGE
    assert turn.ask() == 0


def test_a_process_suspended_before_sending_asks_again(limiter, clock):
    turn = limiter.new_turn()
    assert turn.ask() == 0
    clock.now += 300
    other = limiter.new_turn()
    assert other.ask() == 0
    assert turn.ask() > 0


def test_a_process_suspended_while_asking_asks_again(limiter, store, clock, monkeypatch):
    ask, asked = store.ask, []

    def ask_slowly(*arguments, **options):
        wait = ask(*arguments, **options)
        asked.append(wait)
        clock.now += 300 if len(asked) == 1 else 0
        return wait

    monkeypatch.setattr(store, "ask", ask_slowly)
    assert limiter.new_turn().ask() == 0
    assert asked == [0, 0]


def test_a_reservation_keeps_a_place_for_any_process(limiter, clock):
    first = limiter.new_turn()
    assert first.ask() == 0
    first.end()
    place = limiter.reserve(seconds=100)
    assert place.wait == 60
    clock.now += 90
    assert limiter.new_turn().ask() > 0
    assert limiter.reserve(place.request, seconds=100).wait == pytest.approx(0, abs=0.01)
    assert limiter.new_turn(place.request).ask() == 0


def test_a_reservation_allows_nothing_by_itself(limiter):
    place = limiter.reserve(seconds=100)
    assert place.wait == pytest.approx(0, abs=0.01)
    other = limiter.new_turn()
    assert other.ask() > 0
    limiter.release(place)
    assert other.ask() == 0


@pytest.mark.parametrize(("retry_after", "wait"), [(None, 60), (7, 60), (200, 200)])
def test_a_429_blocks_all_requests_of_the_account(limiter, retry_after, wait):
    turn = limiter.new_turn()
    assert turn.ask() == 0
    with turn:
        turn.refuse(retry_after)
    assert limiter.new_turn().ask() == wait


def test_the_lease_of_a_long_request_is_renewed_until_its_end(limiter, store, monkeypatch):
    renewed = threading.Event()
    monkeypatch.setattr(store, "lease", 0.01)
    monkeypatch.setattr(store, "renew", lambda *_: renewed.set())
    turn = limiter.new_turn()
    assert turn.ask() == 0
    with turn:
        assert renewed.wait(10)
    join(turn)


@pytest.mark.parametrize("operation", ["renew", "end"])
def test_store_failures_do_not_fail_a_request_in_flight(limiter, store, monkeypatch, operation, caplog):
    failed = threading.Event()

    def fail(*_, **__):
        failed.set()
        raise SharedStateError("It is gone.")

    monkeypatch.setattr(store, "lease", 0.01)
    monkeypatch.setattr(store, operation, fail)
    turn = limiter.new_turn()
    assert turn.ask() == 0
    with turn:
        assert operation == "end" or failed.wait(10)
    join(turn)
    assert failed.is_set()
    assert "It is gone." in caplog.text


def test_store_failures_are_raised_when_asking(limiter, store, monkeypatch):
    def fail(*_, **__):
        raise SharedStateError("It is gone.")

    monkeypatch.setattr(store, "ask", fail)
    with pytest.raises(SharedStateError):
        limiter.new_turn().ask()
