"""Tasks in the pool keep to their slots, and share the token; what a night's sync costs in requests."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import ExitStack

import pytest

from tests.integration import services

DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("budget", schedule=None, start_date=datetime(2026, 1, 1), default_args=DEFAULTS,
         params={"number": 1, "path": ""}, render_template_as_native_obj=True) as dag:
    upload = MatchedAudienceUploadOperator.partial(
        task_id="upload", columns={"email": "Email"}, column_settings={"Email": "Raw"}, file_path="{{ params.path }}"
    ).expand(audience_name=NAMES)
    AudienceReadySensor(task_id="wait", audience_id=upload.output, poke_interval=0.1)
"""


@pytest.fixture(params=["classic", "v3"])
def api_version(request):
    return request.param


@pytest.fixture
def sync(run_dag, sandbox, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")

    def sync(names, **defaults):
        source = DAG.replace("DEFAULTS", repr(defaults)).replace("NAMES", repr(names))
        run = run_dag(source, "budget", path=str(path))
        assert run.state == "success"
        return run, [(request.path, request.monotonic) for request in sandbox.requests]

    return sync


def test_the_requests_of_a_task_keep_to_its_slots(sync, sandbox):
    sandbox.connect(rate_limit_window=2, rate_limit_scope="pool")
    started = time.monotonic()
    _, requests = sync(["One"], pool="iqm_api", pool_slots=2)
    moments = [moment for path, moment in requests]
    assert moments[0] - started >= 2
    # Two slots: of three requests, the last one is a window later than the first one; the sensor's wait, too.
    assert all(last - first >= 1.99 for first, last in zip(moments, moments[2:], strict=False))


def test_on_one_host_an_idle_account_costs_no_wait(sync, sandbox, tmp_path, monkeypatch):
    """A cold host: no earlier task has left a ledger or a token."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sandbox.connect(rate_limit_window=60)
    started = time.monotonic()
    _, requests = sync(["One"], pool="iqm_api", pool_slots=1)
    # One wait for a slot of the pool would be 70 s. Airflow's own time is in it.
    assert requests[-1][1] - started < 50
    assert len(requests) <= 20


def test_a_task_outside_the_pool_does_not_wait(sync, sandbox):
    sandbox.connect(rate_limit_window=30)
    _, requests = sync(["One", "Two"])
    assert requests[-1][1] - requests[0][1] < 29


def test_fifty_uploads_and_one_sensor_take_sixty_five_requests_at_most(sync, sandbox, calls, api_version):
    run, requests = sync([f"List {number}" for number in range(50)])
    paths = [path for path, _ in requests]
    assert paths.count(calls.upload) == 50
    assert paths.count(calls.log_in) == 1
    assert len(paths) <= 65
    static = {path for path in paths if api_version == "v3" and path.startswith(calls.static)}
    assert len(static) == (3 if api_version == "v3" else 0)
    assert [audience["name"] for audience in run.xcom("wait")] == [f"List {number}" for number in range(50)]


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_tasks_go_on_while_the_store_is_gone(sync, sandbox, monkeypatch, kind):
    server, running = getattr(services, kind), ExitStack()
    port = running.enter_context(server())
    store = {"conn_type": kind, "host": "127.0.0.1", "port": port}
    if kind == "postgres":
        store |= {"login": "postgres", "schema": "postgres"}
    monkeypatch.setenv("AIRFLOW_CONN_IQM_STATE", json.dumps(store))
    monkeypatch.setattr(services, "free_port", lambda: port)
    # A process that falls back asks the store again after this many seconds.
    monkeypatch.setattr("airflow_provider_iqm.client.rate_limit.limiter.RETRY_STORE_AFTER", 1)
    sandbox.connect(rate_limit_window=1, requests_per_minute=5, shared_state_conn_id="iqm_state")
    sandbox.change_settings(requests_per_minute=5, rate_limit_window=1)

    def interrupt():
        services.until(lambda: len(sandbox.audiences) >= 2, "two uploads are done", seconds=60)
        running.close()
        services.until(lambda: len(sandbox.audiences) >= 4, "two more uploads are done", seconds=60)
        running.enter_context(server())

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        sync([f"List {number}" for number in range(6)], pool="iqm_api", pool_slots=1)
    finally:
        thread.join()
        running.close()
    assert sorted(audience.name for audience in sandbox.audiences) == [f"List {number}" for number in range(6)]
