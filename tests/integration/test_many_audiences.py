"""A deferred sensor that waits for a thousand audiences: what it asks of IQM, and of the triggerer's event loop."""

from __future__ import annotations

import asyncio
import gc
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger

AUDIENCES = 1000
WINDOW = 0.5
LONGEST_BLOCK = 0.25
"""Seconds for which no coroutine may keep the triggerer's other ones waiting."""


@pytest.fixture
def url(monkeypatch):
    """A sandbox in a process of its own, with a limit of one request in a window; the connection ``iqm_default``."""
    options = ["--port", "0", "--requests-per-minute", "1", "--rate-limit-window", str(WINDOW)]
    options += ["--processing-seconds", "2", "--pending-seconds", "1"]
    command = [sys.executable, "-m", "airflow_provider_iqm.sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        connection = json.loads(shlex.split(lines[2])[1].removeprefix("AIRFLOW_CONN_IQM_DEFAULT="))
        connection["extra"] |= {"rate_limit_window": WINDOW, "rate_limit_scope": "pool"}
        monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(connection))
        yield connection["host"]
        process.kill()


def seconds_without_cpu():
    """Return how long this thread has waited for a processor so far, which is nobody's fault in here."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


@pytest.fixture
def own_garbage():
    """Leave what the tests have imported out of garbage collections: to go through it all takes 0.1 s by itself."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def longest_block(work):
    """Return the result of a coroutine, and the longest time for which another one could not run."""
    longest = 0.0
    task = asyncio.ensure_future(work)
    while not task.done():
        start, without_cpu = time.monotonic(), seconds_without_cpu()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - start - (seconds_without_cpu() - without_cpu))
    return await task, longest


async def only_event(trigger):
    (event,) = [event async for event in trigger.run()]
    return event.payload


def a_wait(url):
    """Wait for a thousand new audiences: the audiences' ids, the event, and the longest block."""
    ids = requests.post(f"{url}/_sandbox/audiences", json={"count": AUDIENCES}, timeout=30).json()
    trigger = AudienceReadyTrigger(ids, "iqm_default", 0.1, time.time() + 3600, pool_slots=1)
    return ids, *asyncio.run(longest_block(only_event(trigger)))


def test_a_thousand_audiences_cost_one_request_a_look_and_block_nobody(url, own_garbage):
    ids, event, blocked = a_wait(url)
    assert event["kind"] == "ready"
    assert [audience["id"] for audience in event["audiences"]] == ids
    journal = requests.get(f"{url}/_sandbox/requests", timeout=30).json()
    # The log-in, then the list until all are ready, which takes three seconds; on a busy machine they may pass before.
    assert [request["path"] for request in journal] == [
        "/api/v3/ua/login",
        *["/api/v2/audience/list"] * (len(journal) - 1),
    ]
    assert 2 <= len(journal) < 3 / WINDOW + 5
    assert {request["status"] for request in journal} == {200}
    # A virtual machine may stand still, which no clock of its own tells. What we do ourselves, we do every time.
    for _ in range(2):
        if blocked >= LONGEST_BLOCK:
            *_, blocked = a_wait(url)
    assert blocked < LONGEST_BLOCK
