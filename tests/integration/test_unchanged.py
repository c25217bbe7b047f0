"""A list that has not changed since its last upload."""

from __future__ import annotations

import uuid

import airflow
import pytest

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from tests.integration.asset_events import asset_events

DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

CUSTOMERS = matched_audience_asset("ASSET")

def fail_the_first_try(context, result):
    if context["ti"].try_number == 1:
        raise RuntimeError("the worker is gone")

with DAG("DAG_ID", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0), "poke_interval": 0.2}) as dag:
    TASKS
"""

UPLOAD = 'MatchedAudienceUploadOperator(task_id="upload", on_unchanged="skip", **ARGUMENTS)'
KEEPS_STATES = not airflow.__version__.startswith(("2.", "3.0.", "3.1.", "3.2."))

LIST = "email,name\nfrodo@shire.example,Frodo\nsam@shire.example,Sam\n"
REORDERED = "email,name\nsam@shire.example,Sam\nfrodo@shire.example,Frodo\n"
CHANGED = LIST.replace("Sam\n", "Samwise\n")


@pytest.fixture(params=[True, False], ids=["with an outlet", "without"])
def outlet(request):
    """Whether the upload has the asset as its outlet."""
    return request.param


@pytest.fixture
def night(run_dag, sandbox, tmp_path, outlet):
    """Run a night's Dag on a list; its Dag and its asset are nobody else's."""
    name = f"night_{uuid.uuid4().hex[:12]}"
    path = tmp_path / "list.csv"

    def run(content=LIST, tasks=UPLOAD, **arguments):
        path.write_text(content)
        given = {
            "file_path": str(path),
            "audience_name": "Customers {{ run_id }}",
            "columns": {"email": "Email"},
            "column_settings": {"Email": "Raw"},
            "wait_for_ready": True,
        }
        text = repr({key: value for key, value in (given | arguments).items() if value is not None})
        if outlet:
            text = text[:-1] + ', "outlets": [CUSTOMERS]}'
        sandbox.state.journal.clear()
        source = DAG.replace("TASKS", tasks).replace("DAG_ID", name).replace("ASSET", name).replace("ARGUMENTS", text)
        return run_dag(source, name)

    run.uri = matched_audience_asset(name).uri
    return run


def looks(sandbox):
    """The last run's requests for the audience."""
    return [request.path for request in sandbox.requests if "/audience/matched/1" in request.path]


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_same_list_is_uploaded_once_and_the_second_run_asks_nothing(night, sandbox, outlet, deferrable):
    # Not ready at the first look, so that it is deferred.
    sandbox.change_settings(processing_seconds=2)
    first = night(deferrable=deferrable)
    second = night(deferrable=deferrable)
    assert (first.state, second.state) == ("success", "success")
    assert sandbox.requests == []
    (audience,) = sandbox.audiences
    assert first.xcom("upload") == second.xcom("upload") == audience.id
    for key in ("audience", "audience_name", "records", "file_name", "file_size", "iqm_audience_link"):
        assert first.xcom("upload", key) == second.xcom("upload", key)
    if outlet:
        # The second run has no news.
        (event,) = asset_events(night.uri)
        ready = first.xcom("upload", "audience")
        assert event == {
            "audience_id": audience.id,
            "audience_name": audience.name,
            "status": "Ready",
            "records": 2,
            "match_rate": ready["match_rate"],
            "uniques": ready["uniques"],
            "data_cost": ready["data_cost"],
            "url": first.xcom("upload", "iqm_audience_link"),
            "fingerprint": event["fingerprint"],
        }
        assert len(event["fingerprint"]) == 32


def test_other_rows_are_uploaded_and_the_same_rows_in_another_order_are_not(night, sandbox):
    first = night()
    assert night(REORDERED).xcom("upload") == first.xcom("upload")
    assert night(CHANGED).xcom("upload") != first.xcom("upload")
    assert len(sandbox.audiences) == 2


def test_another_mapping_is_another_list(night, sandbox):
    night()
    night(columns={"email": "Email", "name": "First Name"})
    assert len(sandbox.audiences) == 2


def test_a_list_whose_audience_was_rejected_is_uploaded_again(night, sandbox):
    sandbox.state.audiences.plan("Rejected", 1, "Too few records")
    assert night().state == "failed"
    assert night().state == "success"
    assert [audience.status for audience in sandbox.audiences] == ["Rejected", "Ready"]


def test_of_an_upload_that_did_not_wait_iqm_is_asked_once(night, sandbox, outlet):
    sandbox.change_settings(processing_seconds=3600)
    ids = {night(wait_for_ready=False).xcom("upload") for _ in range(2)}
    assert len(looks(sandbox)) == 1
    assert len(sandbox.audiences) == 1
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    ids |= {night(wait_for_ready=False).xcom("upload") for _ in range(2)}
    # By then it is known to be ready.
    assert sandbox.requests == []
    assert len(ids) == len(sandbox.audiences) == 1
    if outlet:
        assert [event["status"] for event in asset_events(night.uri)] == ["Processing", "Processing", "Ready"]


@pytest.mark.parametrize("outlet", [False], indirect=True, ids=["without"])
@pytest.mark.parametrize("api_version", ["classic", "v3"])
@pytest.mark.parametrize("gone", ["deleted", "unknown"])
def test_an_upload_that_did_not_wait_is_repeated_where_its_audience_is_gone(night, sandbox, gone):
    first = night(wait_for_ready=False)
    if gone == "deleted":
        sandbox.state.audiences.delete(first.xcom("upload"))
    else:
        sandbox.state.audiences.clear()
    assert night(wait_for_ready=False).xcom("upload") > first.xcom("upload")


def test_a_later_try_takes_the_first_one_s_audience_and_tells_of_it(night, sandbox, outlet):
    tasks = UPLOAD.replace("**ARGUMENTS", "post_execute=fail_the_first_try, **ARGUMENTS")
    run = night(tasks=tasks)
    assert run.state == "success"
    assert run.tries["upload", -1] == 2
    (audience,) = sandbox.audiences
    assert run.xcom("upload") == audience.id
    if outlet:
        assert [event["audience_id"] for event in asset_events(night.uri)] == [audience.id]


MAPPED = """MatchedAudienceUploadOperator.partial(
        task_id="upload", on_unchanged="skip", **ARGUMENTS
    ).expand(file_path=FILES)"""


def test_each_mapped_task_has_its_own_history(night, sandbox, tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in ("MA", "NJ")]
    for path in paths:
        path.write_text(f"email\n{path.stem}@example.com\n")
    tasks = MAPPED.replace("FILES", repr([str(path) for path in paths]))
    night(tasks=tasks, file_path=None)
    assert len(sandbox.audiences) == 2
    night(tasks=tasks, file_path=None)
    assert sandbox.requests == []
    paths[1].write_text("email\nother@example.com\n")
    night(tasks=tasks, file_path=None)
    assert len(sandbox.audiences) == 3


SENSED = """upload = MatchedAudienceUploadOperator(
        task_id="upload", on_unchanged="skip", inlets=[CUSTOMERS], **ARGUMENTS
    )
    AudienceReadySensor(task_id="wait", audience_id=upload.output, outlets=[CUSTOMERS])"""


@pytest.mark.parametrize("outlet", [False], indirect=True, ids=["of the sensor"])
def test_a_sensor_with_the_same_asset_spares_the_upload_its_question(night, sandbox):
    for _ in range(2):
        assert night(tasks=SENSED, wait_for_ready=False).state == "success"
    assert len(sandbox.audiences) == 1
    # Airflow 2 keeps no state of an asset, so the upload asks.
    own = [] if KEEPS_STATES else ["upload"]
    assert len(looks(sandbox)) == len([*own, "sensor"])
    assert [event["status"] for event in asset_events(night.uri)] == ["Ready", "Ready"]
    assert [bool(event["fingerprint"]) for event in asset_events(night.uri)] == [KEEPS_STATES] * 2


def test_a_list_is_not_skipped_unasked(night, sandbox):
    for _ in range(2):
        night(tasks=UPLOAD.replace('on_unchanged="skip", ', ""))
    assert len(sandbox.audiences) == 2
