from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.triggers import matched_audience, upload_search


class TriggerClock:
    """The time of triggers, which only their sleeping moves; the sandbox's goes with it."""

    def __init__(self, sandbox) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []
        self._sandbox = sandbox

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self._sandbox.advance(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock(local_iqm, monkeypatch):
    """Have the triggers sleep no time."""
    clock = TriggerClock(local_iqm)
    for module in (matched_audience, upload_search):
        monkeypatch.setattr(module, "time", SimpleNamespace(**vars(time) | {"time": clock.time}))
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": clock.sleep}))
    return clock
