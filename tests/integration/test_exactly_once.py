"""Whatever happens to an upload, IQM ends up with one audience, or with none and a clear failure."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_iqm.client.sync_client import SyncClient
from airflow_provider_iqm.exceptions import (
    AudienceFileError,
    DuplicateAudienceError,
    IQMError,
    IQMFinalError,
    IQMTransportError,
)
from airflow_provider_iqm.hooks import upload_recovery
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sandbox.state.audiences import UploadedFile
from tests.integration.dialects import CALLS

AIRFLOW_3_3 = tuple(map(int, airflow_version.split(".")[:2])) >= (3, 3)


@pytest.fixture(params=["classic", "v3"])
def api_version(request):
    return request.param


@pytest.fixture
def no_time(sandbox, monkeypatch):
    """Let no wait take time: the sandbox's clock goes forward in the place of it. Return the waits."""
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        sandbox.advance(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    return waits


class Store(dict):
    """A task's state store, as far as it is used here."""

    def set(self, key, value):
        self[key] = value


@pytest.fixture(params=["Airflow 3.3's store", "the host's file"])
def record(request):
    """Where the task's tries are on record: what a test is to run with."""
    return Store() if request.param == "Airflow 3.3's store" else None


@pytest.fixture
def upload(request, sandbox, monkeypatch, tmp_path, no_time):
    """Run a try of one task's upload."""
    store = request.getfixturevalue("record") if "record" in request.fixturenames else None
    # Only a request that hangs has to time out; on a busy machine, others take a second, too.
    sandbox.connect(request_timeout=1 if "hang" in request.node.name else 10)
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
        return operator.execute({"ti": ti} if store is None else {"ti": ti, "task_state_store": store})

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


LOST = {
    "dropped after": {"kind": "drop_after"},
    "504 while IQM works on": {"kind": "status_before_work", "seconds": 15},
    "504 while IQM works on for long": {"kind": "status_before_work", "seconds": 300},
    "truncated": {"kind": "truncate"},
}


@pytest.mark.parametrize(
    ("fault", "delay"),
    [
        *[("dropped after", 12), ("dropped after", 15), ("dropped after", 120), ("truncated", 30)],
        *[("504 while IQM works on", 0), ("504 while IQM works on", 30), ("504 while IQM works on for long", 120)],
    ],
)
def test_an_audience_that_is_listed_late_is_found(sandbox, upload, calls, fault, delay):
    sandbox.change_settings(list_delay_seconds=delay)
    sandbox.add_fault(path=calls.upload, **LOST[fault])
    assert upload() == sandbox.audiences[0].id
    assert len(sandbox.audiences) == 1


def test_the_search_spares_the_rate_limit(sandbox, upload, no_time, calls):
    sandbox.change_settings(list_delay_seconds=590)
    sandbox.add_fault("drop_after", path=calls.upload)
    upload()
    assert no_time == pytest.approx([10, 20, 40, 60, 60, 60, 60, 60, 60, 60, 60, 50], abs=1)
    assert sum(request.path == calls.list for request in sandbox.requests) == 13


@pytest.mark.parametrize("wait_for_ready", [False, True])
@pytest.mark.parametrize(("delay", "late"), [(1000, 0), (0, 650), (610, 0)])
def test_of_two_audiences_the_newer_one_goes(sandbox, upload, calls, delay, late, wait_for_ready, caplog):
    sandbox.change_settings(list_delay_seconds=delay)
    sandbox.add_fault("status_before_work", path=calls.upload, seconds=late)
    kept = upload(wait_for_ready=wait_for_ready)
    left = [audience for audience in sandbox.audiences if audience.status != "Deleted"]
    assert [audience.id for audience in left] == [kept]
    assert kept == min(sandbox.audiences, key=lambda audience: audience.created_ms).id
    assert len(sandbox.audiences) == 2


def test_what_a_campaign_uses_stays_and_both_are_named(sandbox, upload, calls):
    first, second = upload(), upload()
    sandbox.state.audiences.get(second).attached = True
    with pytest.raises(DuplicateAudienceError, match=f"{first} and {second}.*campaigns use {second}"):
        upload(try_number=2)
    assert {audience.status for audience in sandbox.audiences} & {"Deleted"} == set()
    assert not any("delete" in request.path or request.method == "DELETE" for request in sandbox.requests)


def test_a_deletion_that_fails_names_both(sandbox, upload, calls):
    first, second = upload(), upload()
    sandbox.add_fault("status", path="/api/v*/audience*", method="PUT", status=500, times=None)
    sandbox.add_fault("status", path="/api/v*/audience*", method="DELETE", status=500, times=None)
    with pytest.raises(DuplicateAudienceError, match=f"{first} and {second}"):
        upload(try_number=2)
    assert len(sandbox.audiences) == 2


def test_the_search_goes_on_to_the_end_of_the_list(sandbox, upload, calls):
    sandbox.add_fault("drop_after", path=calls.upload)
    sandbox.add_fault("status", path=calls.list, status=403)
    with pytest.raises(IQMError):
        upload()
    (own,) = sandbox.audiences
    order = {"columns": '{"email": "Email"}', "columnSettings": "{}", "metadata": '{"fileName": "list.csv"}'}
    file = UploadedFile("list.csv", size=0, sha256="0" * 64, header=("email",), records=1)
    for _ in range(40):
        facts = {"columns": {"email": "Email"}, "column_settings": None, "single_column": True, "metadata": {}}
        sandbox.state.audiences.add(file, order, name="Night", **facts)
    assert upload(try_number=2) == own.id
    assert len(sandbox.audiences) == 41


def test_an_answer_without_an_id_is_a_lost_one(sandbox, upload, calls):
    for number, wrong in enumerate((-5, 0, True, 1.9, "abc", None, [], 10**30, "-5", "1e3")):
        body = {"statusCode": 200, "responseObject": {"id": wrong}}
        body |= {"success": True, "data": {"matchedAudienceId": wrong}}
        if "v3" in calls.upload:
            del body["statusCode"]
        sandbox.add_fault("status_after_work", path=calls.upload, status=200, body=body)
        found = upload(run_id=f"run {number}")
        assert found == sandbox.audiences[-1].id
    assert len(sandbox.audiences) == 10


def test_a_file_that_is_removed_or_changed_is_named_and_sent_nowhere(sandbox, upload, calls, monkeypatch, tmp_path):
    if "v3" in calls.upload:
        pytest.skip("the judge of v3's requests reads the file, too")
    path = tmp_path / "list.csv"

    def check(how):
        token = IQMHook._create_dialect

        def speak(self, **shared):
            how()
            return token(self, **shared)

        monkeypatch.setattr(IQMHook, "_create_dialect", speak)
        with pytest.raises(AudienceFileError) as raised:
            upload()
        monkeypatch.setattr(IQMHook, "_create_dialect", token)
        return str(raised.value)

    assert "removed after it was checked; nothing was uploaded" in check(path.unlink)
    assert "has changed since it was checked; nothing was uploaded" in check(lambda: path.write_text("email\nx@y.z\n"))
    assert sandbox.audiences == []
    # The next try knows that nothing was sent.
    before = len(sandbox.requests)
    upload(try_number=2)
    assert calls.list not in [request.path for request in sandbox.requests[before:]]


def test_a_try_after_one_that_had_sent_nothing_searches_for_nothing(sandbox, upload, no_time, calls):
    sandbox.add_fault("status", path=calls.log_in, status=500, times=5)
    with pytest.raises(IQMError):
        upload()
    del no_time[:]
    upload(try_number=2)
    assert no_time == []
    assert calls.list not in [request.path for request in sandbox.requests]


def test_changed_data_another_run_and_a_rejected_audience_are_uploaded_anew(sandbox, upload):
    first = upload()
    changed = upload(try_number=2, content="email\nsam@shire.example\n")
    another_run = upload(run_id="another", try_number=2)
    assert len({first, changed, another_run}) == 3
    sandbox.state.audiences.get(first).status = "Rejected"
    assert upload(try_number=2) not in {first, changed, another_run}


def test_a_later_try_keeps_the_older_of_two_audiences(sandbox, upload):
    first, second = upload(), upload()
    assert upload(try_number=2) == first
    assert [(audience.id, audience.status == "Deleted") for audience in sandbox.audiences] == [
        (first, False),
        (second, True),
    ]


def test_without_resume_a_lost_answer_fails_for_good(sandbox, upload, calls):
    sandbox.add_fault("drop_after", path=calls.upload)
    with pytest.raises(IQMFinalError, match="unknown whether IQM created the audience"):
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


DEFERRED = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

with DAG("lost", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    MatchedAudienceUploadOperator(task_id="upload", audience_name="Night", columns={"email": "Email"},
                                  column_settings={"Email": "Raw"}, deferrable=True, poke_interval=0.2, **ARGUMENTS)
"""


@pytest.mark.parametrize("wait_for_ready", [False, True])
@pytest.mark.parametrize(
    ("fault", "delay", "sent"), [("drop_after", 1.5, 1), ("drop_before", 0, 2), ("drop_after", 6, 2)]
)
def test_the_search_is_deferred(run_dag, sandbox, tmp_path, calls, monkeypatch, fault, delay, sent, wait_for_ready):
    monkeypatch.setattr(upload_recovery, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(upload_recovery, "MAX_PAUSE", 0.5)
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    sandbox.change_settings(list_delay_seconds=delay)
    sandbox.add_fault(fault, path=calls.upload)
    arguments = {"file_path": str(path), "lost_answer_timeout": 3, "wait_for_ready": wait_for_ready}
    run = run_dag(DEFERRED.replace("ARGUMENTS", repr(arguments)), "lost")
    assert run.state == "success"
    left = [audience.id for audience in sandbox.audiences if audience.status != "Deleted"]
    assert left == [run.xcom("upload")]
    assert run.xcom("upload", key="records") == 1
    assert sum(request.path == calls.upload for request in sandbox.requests) == sent


PROXY = {
    "an HTML page": "<html>No route</html>",
    "a gateway's JSON": {"message": "no Route matched with those values"},
    "nothing": "",
}


@pytest.mark.parametrize("body", PROXY)
def test_a_proxy_s_404_does_not_prove_that_the_audience_is_gone(sandbox, upload, calls, body, record):
    audience_id = upload()
    sandbox.add_fault("status", path=f"{calls.details}*", status=404, body=PROXY[body], times=None)
    with contextlib.suppress(IQMError):
        upload(try_number=2)
    sandbox.clear_faults()
    assert upload(try_number=3) == audience_id
    assert len(sandbox.audiences) == 1


@pytest.mark.parametrize("answer", [None, [], {}])
def test_nor_does_an_empty_answer(sandbox, upload, calls, answer, record):
    audience_id = upload()
    body = {"success": True, "data": answer} if "v3" in calls.upload else {"statusCode": 200, "responseObject": answer}
    sandbox.add_fault("status", path=f"{calls.details}*", status=200, body=body, times=None)
    with contextlib.suppress(IQMError):
        upload(try_number=2)
    sandbox.clear_faults()
    assert upload(try_number=3) == audience_id
    assert len(sandbox.audiences) == 1


def not_found(calls):
    error = {"success": False, "errorObjects": [{"error": "No active audience found with the given Id."}]}
    return error if "v3" in calls.upload else {"statusCode": 404, "responseObject": {"errorMsg": "Audience not found."}}


def test_the_list_has_to_agree_that_an_audience_is_gone(sandbox, upload, calls, record):
    audience_id = upload()
    sandbox.add_fault("status", path=f"{calls.details}{audience_id}", status=404, body=not_found(calls), times=1)
    assert upload(try_number=2) == audience_id
    assert len(sandbox.audiences) == 1


def test_one_that_turns_up_again_is_a_duplicate(sandbox, upload, calls, record):
    audience_id = upload()
    sandbox.add_fault("status", path=f"{calls.details}{audience_id}", status=404, body=not_found(calls), times=1)
    # IQM shows it nowhere for a while.
    sandbox.change_settings(list_delay_seconds=60)
    assert upload(try_number=2) == audience_id
    assert [audience.status == "Deleted" for audience in sandbox.audiences] == [False, True]


REFUSALS = [(404, "<html>"), (403, ""), (302, "<html>"), (413, "<html>"), (400, {"message": "Bad Request"}), (404, {})]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("status", "body"), REFUSALS)
def test_a_proxy_s_refusal_of_an_upload_is_a_lost_answer(sandbox, upload, calls, status, body, deferrable, record):
    sandbox.add_fault("status_after_work", path=calls.upload, status=status, body=body)
    assert upload(deferrable=deferrable) == sandbox.audiences[0].id
    assert len(sandbox.audiences) == 1


@pytest.mark.parametrize(("status", "body"), REFUSALS)
def test_it_is_not_sent_again_without_a_search(sandbox, upload, calls, status, body, no_time, record):
    sandbox.add_fault("status", path=calls.upload, status=status, body=body, times=None)
    with pytest.raises(IQMFinalError, match=str(status)):
        upload()
    # What says of itself that nothing was processed costs no more than one search.
    assert sum(no_time) == (0 if status == 413 else pytest.approx(600, abs=5))
    assert sum(request.path == calls.upload for request in sandbox.requests) == 1
    sandbox.clear_faults()
    before = len(sandbox.requests)
    upload(try_number=2)
    paths = [request.path for request in sandbox.requests[before:]]
    assert paths.index(calls.list) < paths.index(calls.upload)
    assert len(sandbox.audiences) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_iqm_s_own_refusal_needs_no_search(sandbox, upload, calls, status, no_time, record):
    sandbox.add_fault("status", path=calls.upload, status=status)
    with pytest.raises(IQMFinalError, match=str(status)):
        upload()
    upload(try_number=2)
    assert no_time == []
    assert calls.list not in [request.path for request in sandbox.requests]


def test_a_connection_that_is_never_made_needs_no_search(sandbox, upload, calls, no_time, monkeypatch, record):
    with monkeypatch.context() as patched:
        drive = SyncClient.send

        def send(self, request, file):
            if request.path == calls.upload:
                raise IQMTransportError("could not connect", sent=False)
            return drive(self, request, file)

        patched.setattr(SyncClient, "send", send)
        with pytest.raises(IQMTransportError):
            upload()
    upload(try_number=2)
    assert no_time == []
    assert calls.list not in [request.path for request in sandbox.requests]


class Killed(BaseException):
    """As a worker's death: nothing of the task's goes on."""


def test_a_try_that_is_killed_while_it_waits_for_its_turn_has_sent_nothing(
    sandbox, upload, calls, no_time, monkeypatch, record
):
    def die(client, request):
        if request.path == calls.upload:
            raise Killed
        return turn(client, request)

    turn = SyncClient.turn
    with monkeypatch.context() as patched:
        patched.setattr(SyncClient, "turn", die)
        with pytest.raises(Killed):
            upload()
    upload(try_number=2)
    assert no_time == []
    assert calls.list not in [request.path for request in sandbox.requests]
    assert len(sandbox.audiences) == 1


def test_one_that_is_killed_while_it_sends_may_have_sent_it(sandbox, upload, calls, no_time, monkeypatch, record):
    def die(client, request, file):
        answer = send(client, request, file)
        if request.path == calls.upload:
            raise Killed
        return answer

    send = SyncClient.send
    with monkeypatch.context() as patched:
        patched.setattr(SyncClient, "send", die)
        with pytest.raises(Killed):
            upload()
    assert upload(try_number=2) == sandbox.audiences[0].id
    assert len(sandbox.audiences) == 1


def test_of_three_audiences_the_oldest_one_stays(sandbox, upload):
    first = upload()
    for _ in range(2):
        upload()
    assert upload(try_number=2) == first
    assert [audience.status == "Deleted" for audience in sandbox.audiences] == [False, True, True]


@pytest.mark.parametrize("wait_for_ready", [False, True])
def test_the_last_search_for_duplicates_is_deferred(run_dag, sandbox, tmp_path, calls, monkeypatch, wait_for_ready):
    """A deferrable task holds no worker while IQM lists the first of two audiences."""
    slept = []
    monkeypatch.setattr(upload_recovery, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(upload_recovery, "MAX_PAUSE", 0.2)
    monkeypatch.setattr(upload_recovery.time, "sleep", slept.append)
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    add = sandbox.state.audiences.add

    def list_after_the_second(*args, **facts):
        if sandbox.audiences:
            sandbox.change_settings(list_delay_seconds=0)
        return add(*args, **facts)

    sandbox.change_settings(list_delay_seconds=3600)
    monkeypatch.setattr(sandbox.state.audiences, "add", list_after_the_second)
    sandbox.add_fault("drop_after", path=calls.upload)
    arguments = {"file_path": str(path), "lost_answer_timeout": 2, "wait_for_ready": wait_for_ready}
    run = run_dag(DEFERRED.replace("ARGUMENTS", repr(arguments)), "lost")
    assert run.state == "success"
    left = [audience.id for audience in sandbox.audiences if audience.status != "Deleted"]
    assert left == [run.xcom("upload")] == [min(audience.id for audience in sandbox.audiences)]
    assert len(sandbox.audiences) == 2
    assert slept == []
