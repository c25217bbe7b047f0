from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.client.rate_limit import limiter
from airflow_provider_iqm.client.rate_limit.limiter import RETRY_STORE_AFTER, RateLimiter
from airflow_provider_iqm.client.rate_limit.pool_slots import SlotLedger, slot_wait
from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.shared_rate_limiter import SharedRateLimiter
from tests.unit.shared_state.simulation import Clock, ModelStore

LIMIT = RateLimit(3, 60)
LOG = logging.getLogger(__name__)


class Store(ModelStore):
    """A store that can be down."""

    is_down = False

    def ask(self, *arguments, **options):
        self.check()
        return super().ask(*arguments, **options)

    def end(self, *arguments, **options):
        self.check()
        super().end(*arguments, **options)

    def check(self):
        if self.is_down:
            raise SharedStateError("It is gone.")


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(limiter, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def store(clock):
    return Store(clock)


@pytest.fixture
def make_limiter(clock, store):
    def make(*, slots=0, shared=True):
        ledger = SlotLedger(clock=clock)
        if slots:
            ledger.add_slots(slots, age=1000)
        return RateLimiter(
            ledger,
            SharedRateLimiter(store, "account", LIMIT, log=LOG, clock=clock) if shared else None,
            limit=LIMIT,
            pool="iqm_api",
            shared_by="shared by the test",
            log=LOG,
        )

    return make


def send(limiter):
    """Send a request at once, and return its turn."""
    turn = limiter.new_turn()
    assert turn.ask() == 0
    turn.end()
    return turn


def test_the_limit_is_shared(make_limiter, caplog):
    with caplog.at_level("INFO"):
        for _ in range(3):
            send(make_limiter(slots=1))
    assert make_limiter(slots=1).new_turn().ask() == LIMIT.window
    assert "Rate limit: 3 requests in 60 s, shared by the test" in caplog.text


def test_the_log_explains_how_to_remove_the_wait(make_limiter, caplog):
    with caplog.at_level("INFO"):
        for _ in range(2):
            make_limiter(slots=1, shared=False).new_turn().ask()
    first, second = caplog.messages
    assert first == second
    assert first.startswith("Rate limit: a slot of pool iqm_api is one request in 60 s, and the first one waits 70 s. ")
    assert "shared_state_conn_id" in first


def test_without_a_store_the_pool_limits_the_task(make_limiter, store, caplog):
    store.is_down = True
    limiter = make_limiter(slots=2)
    send(limiter)
    send(limiter)
    assert limiter.new_turn().ask() > 0
    assert caplog.text.count("It is gone. Until it works again: a slot of pool iqm_api is one request in 60 s.") == 1


def test_a_store_that_fails_temporarily(make_limiter, store, clock, caplog):
    limiter = make_limiter(slots=1)
    send(limiter)
    store.is_down = True
    turn = limiter.new_turn()
    # Others may have used this task's slot until now.
    assert turn.ask() == slot_wait(LIMIT.window)
    clock.now += slot_wait(LIMIT.window)
    assert turn.ask() == 0
    turn.end()
    store.is_down = False
    clock.now += RETRY_STORE_AFTER
    waiting = limiter.new_turn()
    assert waiting.ask() == 0
    waiting.end()
    assert limiter.label == "3 requests in 60 s, shared by the test"
    assert caplog.text.count("Until it works again") == 1
    # What was sent in the meantime counts in the store, too.
    assert len(store.ledgers["account"].sent) == 2


def test_a_failed_store_is_not_used_for_a_while(make_limiter, store, clock):
    store.is_down = True
    limiter = make_limiter()
    send(limiter)
    store.is_down = False
    clock.now += RETRY_STORE_AFTER - 1
    send(limiter)
    assert store.ledgers == {}
    clock.now += 1
    send(limiter)
    assert len(store.ledgers["account"].sent) == 3


def test_a_store_that_fails_while_a_request_waits(make_limiter, store, clock):
    limiter = make_limiter(slots=1)
    for _ in range(3):
        send(limiter)
    turn = limiter.new_turn()
    assert turn.ask() == LIMIT.window
    store.is_down = True
    assert turn.ask() == slot_wait(LIMIT.window)


def test_an_unused_turn_ends_without_the_store(make_limiter, store):
    make_limiter().new_turn().end()
    assert store.ledgers == {}


def use_all(limiter, store):
    """Fall back to the process's own ledger, and use it up."""
    store.is_down = True
    for _ in range(LIMIT.requests):
        send(limiter)


def test_a_request_that_waits_during_an_outage_returns_to_the_store(make_limiter, store, clock):
    limiter = make_limiter()
    use_all(limiter, store)
    turn = limiter.new_turn()
    assert turn.ask() == LIMIT.window
    store.is_down = False
    clock.now += RETRY_STORE_AFTER
    # The store has what was sent in the meantime, so the request waits there now.
    for _ in range(4):
        assert turn.ask() > 0
        assert len(store.ledgers["account"].waiting) == 1
        clock.now += LIMIT.poll_interval
    assert turn.ask() == 0
    turn.end()
    assert len(store.ledgers["account"].sent) == 1


def test_a_request_keeps_its_place_while_the_store_keeps_failing(make_limiter, store, clock):
    limiter = make_limiter()
    use_all(limiter, store)
    first = limiter.new_turn()
    assert first.ask() == LIMIT.window
    assert limiter.new_turn().ask() == LIMIT.window
    for _ in range(3):
        clock.now += LIMIT.poll_interval
        assert first.ask() > 0
    for _ in range(LIMIT.requests - 1):
        assert limiter.new_turn().ask() > 0
    assert limiter.new_turn().ask() > LIMIT.window
    clock.now += LIMIT.poll_interval
    assert first.ask() == 0


def test_a_request_allowed_during_an_outage_does_not_use_the_store(make_limiter, store, clock):
    store.is_down = True
    limiter = make_limiter()
    turn = limiter.new_turn()
    assert turn.ask() == 0
    store.is_down = False
    clock.now += RETRY_STORE_AFTER
    assert turn.ask() == 0
    assert store.ledgers == {}


def test_abandoning_a_request_while_a_thread_asks_leaves_no_entry(make_limiter, store, monkeypatch):
    asks, may_go_on = threading.Event(), threading.Event()
    ask = store.ask

    def ask_slowly(*arguments, **options):
        asks.set()
        assert may_go_on.wait(10)
        return ask(*arguments, **options)

    for _ in range(LIMIT.requests):
        send(make_limiter())
    monkeypatch.setattr(store, "ask", ask_slowly)
    turn = make_limiter().new_turn()
    threads = [threading.Thread(target=turn.ask)]
    threads[0].start()
    assert asks.wait(10)
    threads.append(threading.Thread(target=turn.end))
    threads[1].start()
    threads[1].join(0.05)
    may_go_on.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert not store.ledgers["account"].waiting
    # A thread that is late asks nothing.
    assert turn.ask() > 0
    assert not store.ledgers["account"].waiting
