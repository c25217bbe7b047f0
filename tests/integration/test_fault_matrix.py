"""
Every fault at every request of an upload: IQM ends up with one audience, never with two.

A test plays Airflow: it tries, tries again as long as the error is none that fails the task for good, and at last
somebody mends what is broken and clears the task. What it must see on the way: a try that succeeds returns the id of
the one audience there is; one that fails says so by an error of this package's own; and the last one always succeeds.

Seeds decide how often a fault strikes (from once to more often than a try has patience), how late IQM's list shows a
new audience, what ``Retry-After`` says, and whether a second fault strikes elsewhere.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from airflow_provider_iqm.exceptions import IQMError, IQMFinalError
from airflow_provider_iqm.hooks import base
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration.dialects import CALLS

SEEDS = range(3)
TIMES = [1, 2, 6, 15]
"""How often a fault strikes. A request is sent five times at most, and ten times where it meets with HTTP 429."""

TRIES = 3
"""How often Airflow tries, before somebody clears the task."""

LIST_DELAYS = [0, 5, 12, 30, 120, 590]
"""Seconds; an upload whose answer was lost is searched for for 600."""

REQUESTS = {
    version: {
        "log in": calls.log_in,
        "renew": calls.renew,
        "upload": calls.upload,
        "list": calls.list,
        "details": f"{calls.details}[0-9]*",
        **({"static lists": f"{calls.static}*"} if version == "v3" else {}),
    }
    for version, calls in CALLS.items()
}

FAULTS = {
    "dropped before": {"kind": "drop_before"},
    "dropped in the body": {"kind": "drop_mid_body"},
    "dropped after": {"kind": "drop_after"},
    "500": {"kind": "status", "status": 500},
    "502 html": {"kind": "html"},
    "504 after the work": {"kind": "status_after_work", "status": 504},
    "504 before the work": {"kind": "status_before_work", "seconds": 15},
    "truncated": {"kind": "truncate"},
    "hang": {"kind": "hang"},
    "hang after the work": {"kind": "hang_after_work"},
    "401": {"kind": "status", "status": 401},
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429},
}

SITUATIONS = {
    # What has happened when the fault strikes → at which requests it can.
    "first try": ["log in", "renew", "static lists", "upload"],
    "first try, the upload's answer lost": ["list", "details"],
    "first try, the upload itself lost": ["list", "details"],
    "second try, the first one had uploaded": ["log in", "renew", "list", "details"],
    "second try, the first one had not": ["log in", "renew", "list", "details", "upload"],
}


@dataclass
class Task:
    """A task with an upload, tried as Airflow tries it."""

    sandbox: Sandbox
    path: str
    run_id: str = "tonight"
    tries: int = 0

    def attempt(self, *, token_is_void: bool = False) -> int:
        self.tries += 1
        operator = MatchedAudienceUploadOperator(
            task_id="upload",
            file_path=self.path,
            audience_name="Night",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
        )
        if token_is_void:
            operator.hook.get_column_list()
            self.sandbox.expire_tokens()
        ti = SimpleNamespace(
            dag_id="d",
            task_id="upload",
            run_id=self.run_id,
            map_index=-1,
            try_number=self.tries,
            xcom_push=MagicMock(),
        )
        return operator.execute({"ti": ti})


@pytest.fixture(scope="module")
def server():
    with Sandbox(SandboxSettings(port=0, requests_per_minute=1_000_000)) as server:
        yield server


@pytest.fixture
def connect(server, monkeypatch, api_version):
    """Set the connection ``iqm_default``, with its timeouts in seconds."""

    def connect(read_timeout: float, request_timeout: float) -> None:
        settings = server.settings
        extra = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "read_timeout": read_timeout,
            "request_timeout": request_timeout,
            "api_version": api_version,
            # The host's ledger runs on the real clock, and these tests send thousands of requests.
            "rate_limit_scope": "pool",
        }
        connection = {"conn_type": "iqm", "host": server.url, "login": settings.email, "password": settings.password}
        monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(connection | {"extra": extra}))

    return connect


@pytest.fixture
def sandbox(server, connect, monkeypatch):
    """A local IQM to which no wait takes time: its clock goes forward in the place of it."""
    server.reset()
    monkeypatch.setattr(time, "sleep", server.advance)
    # Airflow's masker never forgets: with the tokens of a thousand log-ins each log line takes it milliseconds.
    monkeypatch.setattr(base, "mask", lambda secrets: None)
    return server


def set_the_scene(situation: str, sandbox: Sandbox, task: Task, requests: dict[str, str]) -> None:
    """Let happen what has happened before the fault strikes."""
    match situation:
        case "first try, the upload's answer lost":
            sandbox.add_fault("drop_after", path=requests["upload"])
        case "first try, the upload itself lost":
            sandbox.add_fault("drop_before", path=requests["upload"])
        case "second try, the first one had uploaded":
            task.attempt()
        case "second try, the first one had not":
            task.tries = 1


def order_fault(chance: random.Random, sandbox: Sandbox, fault: str, path: str, times: int) -> None:
    headers = {"Retry-After": chance.choice(["1", "20", "600"])} if fault.endswith("Retry-After") else {}
    sandbox.add_fault(**FAULTS[fault], path=path, times=times, headers=headers)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("api_version", "situation", "request_"),
    [
        (version, situation, item)
        for version in REQUESTS
        for situation, items in SITUATIONS.items()
        for item in items
        if item in REQUESTS[version]
    ],
)
def test_there_is_one_audience_in_the_end_and_never_two(
    sandbox, connect, tmp_path, api_version, situation, request_, fault, seed
):
    chance = random.Random(f"{situation}, {request_}, {fault}, {seed}")
    connect(30, 30)
    requests = REQUESTS[api_version]
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    # Another run's audience of the same name and content must not be taken for one's own.
    others = Task(sandbox, str(path), run_id="last night").attempt()
    task = Task(sandbox, str(path))
    set_the_scene(situation, sandbox, task, requests)
    sandbox.change_settings(list_delay_seconds=chance.choice(LIST_DELAYS))
    order_fault(chance, sandbox, fault, requests[request_], times=chance.choice(TIMES))
    if second_fault := chance.random() < 0.5:
        order_fault(chance, sandbox, chance.choice(list(FAULTS)), chance.choice(list(requests.values())), times=1)
    connect(read_timeout=0.1, request_timeout=0.3)

    def own_audiences() -> list[int]:
        return [audience.id for audience in sandbox.audiences if audience.id != others]

    def check(**how: bool) -> bool:
        """Try once, and return whether that is the end of it."""
        try:
            audience_id = task.attempt(**how)
        except IQMError as error:
            assert len(own_audiences()) <= 1
            return isinstance(error, IQMFinalError)
        assert own_audiences() == [audience_id]
        return True

    done = check(token_is_void=request_ == "renew")
    # Where the list names the files, as in v3, details are asked for only if the list is late.
    may_not_strike = second_fault or (api_version == "v3" and request_ == "details")
    assert may_not_strike or any(record.fault == FAULTS[fault]["kind"] for record in sandbox.requests)
    while not done and task.tries < TRIES:
        done = check()

    sandbox.clear_faults()
    connect(read_timeout=30, request_timeout=30)
    audience_id = task.attempt()
    assert own_audiences() == [audience_id]
