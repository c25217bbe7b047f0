from __future__ import annotations

import threading
import time

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger
from airflow_provider_iqm.triggers.request_turn import RequestTurnTrigger
from tests.integration.dialects import CALLS

DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("deferred", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}) as dag:
    AudienceReadySensor(task_id="wait", deferrable=True, poke_interval=0.2, **ARGUMENTS)
"""


@pytest.fixture(params=["classic", "v3"])
def api_version(request):
    return request.param


@pytest.fixture
def upload(sandbox, tmp_path):
    def upload(name):
        path = tmp_path / "list.csv"
        path.write_text("email\nfrodo@shire.example\n")
        return IQMHook().upload_matched_audience(
            file_path=path, audience_name=name, columns={"email": "Email"}, column_settings={"Email": "Raw"}
        )

    return upload


@pytest.fixture
def wait(run_dag, sandbox):
    def wait(**arguments):
        # Nothing is ready at the first look, whatever time Airflow takes to start.
        sandbox.change_settings(processing_seconds=3600)
        sandbox.state.journal.clear()
        if arguments["timeout"] > 1:
            threading.Thread(target=finish_after_the_first_look, args=(sandbox,), daemon=True).start()
        return run_dag(DAG.replace("ARGUMENTS", repr(arguments)), "deferred")

    return wait


def finish_after_the_first_look(sandbox):
    while log_ins(sandbox) < 2:
        time.sleep(0.05)
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)


def log_ins(sandbox):
    return sum(request.path in {calls.log_in for calls in CALLS.values()} for request in sandbox.requests)


def test_a_deferred_sensor_returns_the_ready_audience(wait, sandbox, upload):
    audience_id = upload("List")
    run = wait(audience_id=audience_id, timeout=60)
    assert run.state == "success"
    assert run.xcom("wait") == {
        "id": audience_id,
        "name": "List",
        "status": "Ready",
        "match_rate": pytest.approx(60, abs=40),
        "uniques": run.xcom("wait")["uniques"],
        "records": 1,
        "data_cost": run.xcom("wait")["data_cost"],
    }
    # The first look's, and the trigger's.
    assert log_ins(sandbox) == 2


def test_a_deferred_sensor_waits_for_many(wait, sandbox, upload):
    ids = [upload(f"List {number}") for number in range(5)]
    run = wait(audience_id=ids, timeout=60)
    assert run.state == "success"
    assert [(item["id"], item["status"]) for item in run.xcom("wait")] == [(item, "Ready") for item in ids]
    assert log_ins(sandbox) == 2


@pytest.mark.parametrize("soft_fail", [True, False])
def test_a_rejected_audience_fails_a_deferred_sensor_for_good(wait, upload, soft_fail):
    run = wait(audience_id=upload("[reject] List"), timeout=60, soft_fail=soft_fail)
    assert run.state == "failed"
    assert run.tasks["wait", -1] == "failed"
    assert run.tries["wait", -1] == 1


@pytest.mark.parametrize(("soft_fail", "state"), [(True, "skipped"), (False, "failed")])
def test_a_deferred_sensor_s_time_out(wait, upload, soft_fail, state):
    run = wait(audience_id=upload("List"), timeout=1, soft_fail=soft_fail)
    assert run.tasks["wait", -1] == state
    assert run.tries["wait", -1] == 1


UPLOAD_AND_WAIT = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

with DAG("upload_and_wait", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}) as dag:
    MatchedAudienceUploadOperator(task_id="upload", audience_name="Night", columns={"email": "Email"},
                                  column_settings={"Email": "Raw"}, poke_interval=0.2, wait_for_ready=True, **ARGUMENTS)
"""


@pytest.fixture
def upload_and_wait(run_dag, sandbox, tmp_path):
    def run(**arguments):
        path = tmp_path / "list.csv"
        path.write_text("email\nfrodo@shire.example\n")
        source = UPLOAD_AND_WAIT.replace("ARGUMENTS", repr({"file_path": str(path), "timeout": 60} | arguments))
        return run_dag(source, "upload_and_wait")

    return run


def looks(sandbox):
    """How often the audience was looked at."""
    return sum("matched/1" in request.path for request in sandbox.requests)


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_upload_waits_for_its_audience(upload_and_wait, sandbox, deferrable):
    # Not ready at the first look, so that it is deferred.
    sandbox.change_settings(processing_seconds=3)
    run = upload_and_wait(deferrable=deferrable)
    assert run.state == "success"
    assert looks(sandbox) > 1
    (audience,) = sandbox.audiences
    assert run.xcom("upload") == audience.id
    told = run.xcom("upload", key="audience")
    assert (told["id"], told["name"], told["status"], told["records"]) == (audience.id, "Night", "Ready", 1)
    assert run.xcom("upload", key="records") == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_upload_whose_audience_fails_is_not_tried_again(upload_and_wait, sandbox, deferrable):
    sandbox.change_settings(processing_seconds=3600)
    threading.Thread(target=reject_the_first, args=(sandbox,), daemon=True).start()
    run = upload_and_wait(deferrable=deferrable)
    assert run.state == "failed"
    assert run.tries == {("upload", -1): 1}
    assert len(sandbox.audiences) == 1


def reject_the_first(sandbox):
    while not sandbox.audiences:
        time.sleep(0.05)
    time.sleep(0.5)
    sandbox.state.audiences.get(sandbox.audiences[0].id).status = "Rejected"


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_upload_that_waited_too_long_fails(upload_and_wait, sandbox, deferrable):
    sandbox.change_settings(processing_seconds=3600)
    run = upload_and_wait(deferrable=deferrable, timeout=1)
    assert run.state == "failed"
    assert len(sandbox.audiences) == 1


@pytest.fixture
def long_queue(sandbox, monkeypatch):
    """Have the account's limit used up, by the limit that all on this host share."""
    # A wait of more than this is long.
    monkeypatch.setattr("airflow_provider_iqm.triggers.request_turn.MAX_SLOT_WAIT", 0.5)
    monkeypatch.setattr("airflow_provider_iqm.sensors.matched_audience.MAX_SLOT_WAIT", 0.5)

    def fill():
        sandbox.connect(rate_limit_scope="host", requests_per_minute=6, rate_limit_window=3)
        # With the login, all six.
        hook = IQMHook()
        for _ in range(5):
            hook.find_matched_audiences("Other")

    return fill


@pytest.fixture
def slept(monkeypatch):
    """The seconds that hooks have slept in worker slots."""
    slept = []

    def sleep(hook, seconds):
        slept.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(IQMHook, "_sleep", sleep)
    return slept


def test_an_upload_waits_for_its_turn_in_the_triggerer(run_dag, sandbox, long_queue, tmp_path, monkeypatch):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    deferred = []
    run_trigger = RequestTurnTrigger.run
    monkeypatch.setattr(RequestTurnTrigger, "run", lambda trigger: deferred.append(1) or run_trigger(trigger))
    long_queue()
    sent_at = time.monotonic()
    source = UPLOAD_AND_WAIT.replace("wait_for_ready=True, ", "").replace(
        "ARGUMENTS", repr({"file_path": str(path), "deferrable": True})
    )
    run = run_dag(source, "upload_and_wait")
    assert run.state == "success"
    assert [audience.name for audience in sandbox.audiences] == ["Night"]
    assert deferred
    assert time.monotonic() - sent_at >= 2


@pytest.mark.parametrize("waiting", [{"deferrable": True}, {"mode": "reschedule"}])
def test_a_sensor_does_not_wait_for_its_turn_in_a_worker_slot(sandbox, upload, long_queue, slept, waiting):
    audience_id = upload("List")
    long_queue()
    sensor = AudienceReadySensor(task_id="wait", audience_id=audience_id, poke_interval=1, timeout=60, **waiting)
    asked = len(sandbox.requests)
    slept.clear()
    if sensor.deferrable:
        with pytest.raises(TaskDeferred) as deferral:
            sensor.poke({})
        assert isinstance(deferral.value.trigger, AudienceReadyTrigger)
    else:
        assert not sensor.poke({}).is_done
    assert len(sandbox.requests) == asked
    assert slept == []
