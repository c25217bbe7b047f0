"""A night's task dies by SIGKILL while it replaces an audience in campaigns; Airflow's next try ends what it began."""

from __future__ import annotations

import json
import multiprocessing
import random
import time

import pytest

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration.one_try import one_night

REQUESTS = 10
"""The number of requests of a night."""

ANSWER = 0.05
"""How long IQM takes for an answer, in seconds."""

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.integration.one_try", "duckdb", "pyarrow"])


@pytest.fixture(scope="module")
def server():
    settings = SandboxSettings(port=0, requests_per_minute=1_000_000, processing_seconds=0, pending_seconds=0)
    with Sandbox(settings) as server:
        yield server


@pytest.fixture
def sandbox(server):
    server.reset()
    return server


@pytest.fixture
def start(sandbox, tmp_path):
    """Start a night's try in a process of its own."""
    settings = sandbox.settings
    extra = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "api_version": "v3",
        "rate_limit_scope": "pool",
    }
    connection = {"conn_type": "iqm", "host": sandbox.url, "login": settings.email, "password": settings.password}

    def start(night, try_number=1, **arguments):
        everything = json.dumps(connection | {"extra": extra}), arguments, night, try_number, str(tmp_path)
        process = processes.Process(target=one_night, args=everything, daemon=True)
        process.start()
        return process

    return start


@pytest.fixture
def run(start, tmp_path):
    """Run a night's try to its end, and return the audience's id."""

    def run(night, try_number=1, **arguments):
        process = start(night, try_number, **arguments)
        process.join(60)
        assert process.exitcode == 0
        return int((tmp_path / "result").read_text())

    return run


def existing(sandbox):
    return [audience.id for audience in sandbox.audiences if audience.status != "Deleted"]


def targets(sandbox):
    return {campaign.id: (campaign.included, campaign.excluded) for campaign in sandbox.campaigns}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("request_number", range(1, REQUESTS + 1))
def test_the_try_after_a_kill_ends_the_replacement(sandbox, start, run, request_number, seed):
    including = [sandbox.add_campaign("A"), sandbox.add_campaign("B")]
    old = run(1, campaign_ids=including)
    excluding = sandbox.add_campaign("C", excluded=[old])
    other = sandbox.add_campaign("D", included=[12345])
    sandbox.state.journal.clear()
    sandbox.add_fault("slow", seconds=ANSWER, times=None)
    first = start(2)
    while first.is_alive() and len(sandbox.requests) < request_number:
        time.sleep(0.001)
    time.sleep(random.Random(f"{request_number}, {seed}").uniform(0, 2 * ANSWER))
    first.kill()
    first.join()
    for campaign, (included, excluded) in targets(sandbox).items():
        assert len([*included, *excluded]) == 1, f"campaign {campaign} targets one of the two"

    sandbox.clear_faults()
    new = run(2, try_number=2)
    assert new != old
    assert existing(sandbox) == [new]
    assert targets(sandbox) == {
        **dict.fromkeys(including, ((new,), ())),
        excluding: ((), (new,)),
        other: ((12345,), ()),
    }
