"""A task's process dies by SIGKILL, at any moment; Airflow's next try ends with the one audience."""

from __future__ import annotations

import json
import multiprocessing
import random
import time

import pytest

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration.one_try import one_try

SEEDS = range(6)
RECORDS = 60_000
LOG_IN = "/api/v3/ua/login"
UPLOAD = "/api/v2/audience/matched/add"

# A process for each try, forked from one that has imported Airflow: a tenth of a second in the place of seconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.integration.one_try", "duckdb", "pyarrow"])


@pytest.fixture(scope="module")
def server():
    with Sandbox(SandboxSettings(port=0, requests_per_minute=1_000_000)) as server:
        yield server


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    lines = (f"Frodo,Baggins,NY,{number % 100_000:05}\n" for number in range(RECORDS))
    path.write_text("first,last,state,zip\n" + "".join(lines))
    return path


@pytest.fixture
def sandbox(server):
    server.reset()
    return server


@pytest.fixture
def scratch(tmp_path):
    path = tmp_path / "scratch"
    path.mkdir()
    return path


@pytest.fixture
def start_try(sandbox, people, scratch, tmp_path):
    """Start a try in a process of its own; return the process and the file for its result."""
    settings = sandbox.settings
    secrets = {"client_id": settings.client_id, "client_secret": settings.client_secret}
    extra = {**secrets, "rate_limit_scope": "pool"}
    connection = {"conn_type": "iqm", "host": sandbox.url, "login": settings.email, "password": settings.password}
    operator = {
        "file_path": str(people),
        "audience_name": "Night",
        "columns": {
            "first": "Voters_FirstName",
            "last": "Voters_LastName",
            "state": "Residence_Addresses_State",
            "zip": "Residence_Addresses_Zip",
        },
        "normalize": True,
        "scratch_dir": str(scratch),
    }

    def start(try_number):
        result = tmp_path / f"try-{try_number}"
        arguments = json.dumps(connection | {"extra": extra}), operator, try_number, str(result)
        process = processes.Process(target=one_try, args=arguments, daemon=True)
        process.start()
        return process, result

    return start


def asked(sandbox, path):
    return any(request.path == path for request in sandbox.requests)


def has_answered(sandbox):
    return any(request.path == UPLOAD and request.status == 200 for request in sandbox.requests)


STAGES = {
    # What shows that a stage has begun.
    "preparation": lambda sandbox, scratch: any(scratch.iterdir()),
    "log-in": lambda sandbox, scratch: asked(sandbox, LOG_IN),
    "upload": lambda sandbox, scratch: asked(sandbox, UPLOAD),
    "answer on its way": lambda sandbox, scratch: bool(sandbox.audiences),
    "after the answer": lambda sandbox, scratch: has_answered(sandbox),
}
SECONDS = {"preparation": 0.3, "log-in": 0.3, "upload": 0.05, "answer on its way": 0.3, "after the answer": 0.3}
"""How long a stage lasts."""

SLOW = {"log-in": LOG_IN, "answer on its way": UPLOAD}
"""Which answers must be slow for a stage to last so long."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stage", STAGES)
def test_the_try_after_a_kill_ends_with_the_one_audience(sandbox, scratch, start_try, stage, seed):
    chance = random.Random(f"{stage}, {seed}")
    if stage in SLOW:
        sandbox.add_fault("slow", path=SLOW[stage], seconds=SECONDS[stage])
    first, _ = start_try(1)
    while not STAGES[stage](sandbox, scratch):
        assert first.is_alive()
        time.sleep(0.001)
    time.sleep(chance.uniform(0, SECONDS[stage]))
    first.kill()
    first.join()

    second, result = start_try(2)
    second.join(60)
    assert second.exitcode == 0
    assert [audience.id for audience in sandbox.audiences] == [int(result.read_text())]
    assert list(scratch.iterdir()) == []
