"""Whatever happens to an upload, IQM ends up with one audience, or with none and a clear failure."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_iqm.exceptions import DoubledAudienceError, IQMError, IQMFinalError
from airflow_provider_iqm.hooks import uploading
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from tests.integration.dialects import CALLS

AIRFLOW_3_3 = tuple(map(int, airflow_version.split(".")[:2])) >= (3, 3)


@pytest.fixture(params=["classic", "v3"])
def api_version(request):
    return request.param


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(uploading, "SECONDS_BETWEEN_LOOKS", 0.3)


@pytest.fixture
def upload(sandbox, monkeypatch, tmp_path):
    """Run a try of one task's upload."""
    sandbox.connect(upload_timeout=2)
    path = tmp_path / "list.csv"

    def run(try_number=1, content="email\nfrodo@shire.example\n", run_id="run", **arguments):
        path.write_text(content)
        operator = MatchedAudienceUploadOperator(
            task_id="upload",
            file_path=str(path),
            audience_name="Night",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            **arguments,
        )
        ti = SimpleNamespace(
            dag_id="d", task_id="upload", run_id=run_id, map_index=-1, try_number=try_number, xcom_push=MagicMock()
        )
        return operator.execute({"ti": ti})

    return run


FAULTS = {
    "dropped before": {"kind": "drop_before"},
    "dropped in the body": {"kind": "drop_mid_body"},
    "dropped after": {"kind": "drop_after"},
    "500 before": {"kind": "status", "status": 500},
    "502 html": {"kind": "html"},
    "504 after the work": {"kind": "status_after_work", "status": 504},
    "truncated": {"kind": "truncate"},
    "hang": {"kind": "hang"},
    "hang after the work": {"kind": "hang_after_work"},
    "401": {"kind": "status", "status": 401},
    "429": {"kind": "status", "status": 429},
    "429 with a date": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_the_upload_ends_with_one_audience(sandbox, upload, fault, calls):
    sandbox.add_fault(path=calls.upload, **FAULTS[fault])
    audience_id = upload()
    assert [audience.id for audience in sandbox.audiences] == [audience_id]


@pytest.mark.parametrize("fault", ["drop_after", "status_after_work", "truncate", "hang_after_work"])
def test_a_later_try_takes_what_an_earlier_one_created(sandbox, upload, fault, calls):
    sandbox.add_fault(fault, path=calls.upload)
    sandbox.add_fault("status", path=calls.list, status=403)
    with pytest.raises(IQMError):
        upload()
    assert len(sandbox.audiences) == 1
    assert upload(try_number=2) == sandbox.audiences[0].id
    assert len(sandbox.audiences) == 1


def test_a_later_try_uploads_what_no_earlier_one_created(sandbox, upload):
    audience_id = upload(try_number=2)
    assert [audience.id for audience in sandbox.audiences] == [audience_id]


def test_a_late_list_is_looked_at_twice(sandbox, upload, calls):
    sandbox.change_settings(list_delay_seconds=0.15)
    sandbox.add_fault("drop_after", path=calls.upload)
    assert upload() == sandbox.audiences[0].id
    assert len(sandbox.audiences) == 1


def test_changed_data_another_run_and_a_rejected_audience_are_uploaded_anew(sandbox, upload):
    first = upload()
    changed = upload(try_number=2, content="email\nsam@shire.example\n")
    another_run = upload(run_id="another", try_number=2)
    assert len({first, changed, another_run}) == 3
    sandbox.state.audiences.get(first).status = "Rejected"
    assert upload(try_number=2) not in {first, changed, another_run}


def test_two_audiences_of_one_upload_stop_the_task(sandbox, upload):
    first = upload()
    second = upload()
    with pytest.raises(DoubledAudienceError) as raised:
        upload(try_number=2)
    assert str(first) in str(raised.value)
    assert str(second) in str(raised.value)


def test_without_resume_a_lost_answer_fails_for_good(sandbox, upload, calls):
    sandbox.add_fault("drop_after", path=calls.upload)
    with pytest.raises(IQMFinalError, match="may have created the audience"):
        upload(resume=False)
    assert len(sandbox.audiences) == 1
    assert sandbox.audiences[0].file_name == "list.csv"


def test_the_state_store_spares_the_search(run_dag, sandbox, tmp_path, calls):
    """A task that is cleared after its upload takes the audience; on Airflow 3.3 by one request for its details."""
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    source = f"""
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

class FailsAfterwards(MatchedAudienceUploadOperator):
    def execute(self, context):
        audience_id = super().execute(context)
        if context["ti"].try_number == 1:
            raise ConnectionError("the worker lost its database")
        return audience_id

with DAG("fails_afterwards", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={{"retries": 1, "retry_delay": timedelta(seconds=0)}}) as dag:
    FailsAfterwards(task_id="upload", file_path={str(path)!r}, audience_name="Night", columns={{"email": "Email"}},
                    column_settings={{"Email": "Raw"}})
"""
    run = run_dag(source, "fails_afterwards")
    assert run.state == "success"
    assert [audience.id for audience in sandbox.audiences] == [run.xcom("upload")]
    paths = [request.path for request in sandbox.requests]
    after = paths[paths.index(calls.upload) + 1 :]
    details = f"{calls.details}{run.xcom('upload')}"
    # Where the list tells the file's name, it proves whose upload it was.
    search = [calls.list] if calls is CALLS["v3"] else [calls.list, details]
    assert after == ([details] if AIRFLOW_3_3 else search)
