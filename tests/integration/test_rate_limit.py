"""Tasks in the pool keep to their slots, and share the token; what a night's sync costs in requests."""

from __future__ import annotations

import itertools

import pytest

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
    sandbox.connect(rate_limit_window=2)
    _, requests = sync(["One"], pool="iqm_api", pool_slots=2)
    moments = [moment for path, moment in requests]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    # What judges a v3 request runs between its turn and its sending, and the first judgement takes a while.
    assert all(gap >= 0.9 for gap in gaps)
    # The requests of one task are half a window apart; the sensor is another task, with a whole wait.
    assert gaps[-1] >= 1.5


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
