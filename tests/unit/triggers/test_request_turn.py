from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.exceptions import IQMConnectionError, IQMFinalError
from airflow_provider_iqm.shared_state.shared_rate_limiter import Reservation
from airflow_provider_iqm.triggers import request_turn
from airflow_provider_iqm.triggers.request_turn import (
    HOLD,
    MAX_SLOT_WAIT,
    RequestTurnTrigger,
    defer_long_wait,
    resume_turn,
)


class Queue:
    """An account's queue in which a request waits until a time; its place is lost if it isn't kept."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.turn_at = 1_000.0
        self.kept_until = float("inf")
        self.used: list[str] = []

    def place(self, request, longer_than, seconds):
        assert self.now <= self.kept_until
        self.kept_until = self.now + seconds
        wait = max(self.turn_at - self.now, 0)
        return Reservation(request, wait) if wait > longer_than else None

    async def _reserve_turn(self, request, *, longer_than, seconds):
        return self.place(request, longer_than, seconds)

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def queue(monkeypatch):
    queue = Queue()
    monkeypatch.setattr(request_turn, "get_shared_hook", lambda conn_id: queue)
    monkeypatch.setattr(request_turn, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": queue.sleep}))
    monkeypatch.setattr(request_turn, "time", SimpleNamespace(**vars(time) | {"time": lambda: queue.now}))
    return queue


def fire(deadline=5_000.0):
    kind, arguments = RequestTurnTrigger("iqm_default", "r1", deadline).serialize()
    assert kind == "airflow_provider_iqm.triggers.request_turn.RequestTurnTrigger"

    async def run():
        return [event.payload async for event in RequestTurnTrigger(**arguments).run()]

    (event,) = asyncio.run(run())
    return event


def test_fires_shortly_before_the_turn_and_keeps_the_place(queue):
    queue.turn_at += 400
    assert fire() == {"request": "r1"}
    assert queue.turn_at - queue.now == pytest.approx(MAX_SLOT_WAIT)
    # The task has this long to start and to prepare its list.
    assert queue.kept_until == queue.now + HOLD


def test_fires_at_once_if_the_turn_is_near(queue):
    queue.turn_at += 5
    fire()
    assert queue.now == 1_000


def test_fires_early_if_others_leave_the_queue(queue, monkeypatch):
    queue.turn_at += 1_000

    async def sleep(seconds):
        queue.now += seconds
        queue.turn_at = queue.now

    monkeypatch.setattr(request_turn.asyncio, "sleep", sleep)
    fire()
    assert queue.now == 1_000 + MAX_SLOT_WAIT


def test_a_wait_in_the_triggerer_ends(queue):
    queue.turn_at = float("inf")
    assert fire(deadline=1_600) == {"request": "r1"}
    assert queue.now == 1_600


def test_a_broken_connection_is_the_tasks_to_report(queue, monkeypatch):
    async def fail(*_, **__):
        raise IQMConnectionError("It doesn't exist.")

    monkeypatch.setattr(queue, "_reserve_turn", fail)
    assert fire() == {"request": "r1"}


def test_a_short_wait_is_not_deferred():
    hook = SimpleNamespace(_reserve_turn=lambda **_: None)
    defer_long_wait(None, hook, iqm_conn_id="iqm_default", method_name="execute_in_turn")


@pytest.mark.parametrize("event", [None, {}, {"request": None}, {"kind": "ready"}, "r1"])
def test_an_unrecognized_event_sends_nothing(event):
    with pytest.raises(IQMFinalError, match="nothing was uploaded"):
        resume_turn(SimpleNamespace(), event)
