"""``@task.iqm_upload`` in Dags that Airflow runs, against the sandbox."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from airflow_provider_iqm.files.scratch import PREFIX
from airflow_provider_iqm.hooks import upload_recovery
from tests.integration.memory import growth

DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG, task

ARGUMENTS = {"audience_name": "Night", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}

with DAG("taskflow", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}) as dag:
"""
SECRET = "frodo@shire.example"


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def run(run_dag, scratch):
    """Run a Dag with this body; nothing is left in the folder of temporary files."""

    def run_body(body, **options):
        result = run_dag(DAG + "\n".join("    " + line for line in body.splitlines()), "taskflow", **options)
        assert list(scratch.glob(f"{PREFIX}*")) == []
        return result

    return run_body


VALUES = {
    "dicts": "[{'email': SECRET}]",
    "tuples": "iter([('email',), (SECRET,)])",
    "pandas": "__import__('pandas').DataFrame({'email': [SECRET]})",
    "Arrow": "__import__('pyarrow').table({'email': [SECRET]})",
}


@pytest.mark.parametrize("value", VALUES)
def test_a_result_becomes_an_audience_and_only_its_id_an_xcom(run, sandbox, value, caplog):
    body = f"""
SECRET = {SECRET!r}

@task.iqm_upload(**ARGUMENTS)
def people():
    return {VALUES[value]}

@task
def use(audience_id): return audience_id

use(people())
"""
    result = run(body)
    assert result.state == "success"
    (audience,) = sandbox.audiences
    assert result.xcom("people") == result.xcom("use") == audience.id
    assert (audience.records, audience.sha256) == (1, hashlib.sha256(f"email\r\n{SECRET}\r\n".encode()).hexdigest())
    pushed = [result.xcom("people", key) for key in ("audience_name", "records", "file_name", "file_size")]
    assert pushed == ["Night", 1, "people.csv", len(SECRET) + 9]
    assert SECRET not in caplog.text


def test_200_000_records_are_streamed(run, sandbox, monkeypatch):
    body = """
@task.iqm_upload(**ARGUMENTS | {"memory_limit": "64MiB"})
def people():
    for number in range(NUMBER):
        yield {"email": f"person{number}@shire.example", "note": "x" * 200}

people()
"""
    run(body.replace("NUMBER", "2000"))
    grown = growth(lambda: run(body.replace("NUMBER", "200_000")))
    assert [audience.records for audience in sandbox.audiences] == [2000, 200_000]
    # The records are 45 MB as CSV, and 80 MB as dicts.
    assert grown < 64_000_000


def test_a_retry_after_a_lost_answer_adopts_the_audience(run, sandbox, calls, monkeypatch):
    """The second try yields the records in another order."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.05)))
    body = """
@task.iqm_upload(**ARGUMENTS, lost_answer_timeout=0)
def people(ti=None):
    yield from [{"email": "a@b.example"}, {"email": "c@d.example"}][:: 1 if ti.try_number == 1 else -1]

people()
"""
    sandbox.add_fault("drop_after", path=calls.upload)
    sandbox.add_fault("status", path=calls.list, status=500, times=5)
    result = run(body)
    assert (result.state, result.tries["people", -1]) == ("success", 2)
    assert [audience.id for audience in sandbox.audiences] == [result.xcom("people")]


@pytest.mark.parametrize(("fault", "sent"), [("drop_after", 1), ("drop_before", 2)])
def test_the_search_and_the_wait_are_deferred(run, sandbox, calls, monkeypatch, fault, sent):
    """A list that IQM doesn't have is read from the function again."""
    monkeypatch.setattr(upload_recovery, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(upload_recovery, "MAX_PAUSE", 0.5)
    body = """
@task.iqm_upload(**ARGUMENTS, lost_answer_timeout=2, wait_for_ready=True, deferrable=True, poke_interval=0.2)
def people(email="a@b.example"):
    yield {"email": email}

people()
"""
    sandbox.change_settings(list_delay_seconds=1 if sent == 1 else 0)
    sandbox.add_fault(fault, path=calls.upload)
    result = run(body)
    assert result.state == "success"
    assert [audience.id for audience in sandbox.audiences] == [result.xcom("people")]
    assert result.xcom("people", "audience")["status"] == "Ready"
    assert sum(request.path == calls.upload for request in sandbox.requests) == sent


def test_a_mapped_function_creates_an_audience_for_each(run, sandbox):
    body = """
@task
def states(): return ["MA", "NJ"]

@task.iqm_upload(**ARGUMENTS | {"audience_name": "{{ task.op_kwargs['state'] }} of {{ task.op_kwargs['year'] }}"})
def people(state, year):
    yield {"email": f"{state}@shire.example"}
    yield {"email": f"{year}@shire.example"}

@task
def use(audience_ids): return list(audience_ids)

use(people.partial(year=2026).expand(state=states()))
"""
    result = run(body)
    assert result.state == "success"
    assert {audience.name: audience.records for audience in sandbox.audiences} == {"MA of 2026": 2, "NJ of 2026": 2}
    assert sorted(result.xcom("use")) == sorted(audience.id for audience in sandbox.audiences)


@pytest.mark.parametrize(
    ("ending", "state", "tries"),
    [
        ("raise ConnectionError('the source is down')", "failed", 2),
        (
            "from airflow.providers.common.compat.sdk import AirflowSkipException; raise AirflowSkipException",
            "skipped",
            1,
        ),
        ("yield {'mail': 'x'}", "failed", 1),
        ("yield 'frodo'", "failed", 1),
    ],
)
def test_an_error_half_way_leaves_no_audience_and_no_file(run, sandbox, ending, state, tries):
    body = f"""
@task.iqm_upload(**ARGUMENTS)
def people():
    for number in range(10_000):
        yield {{"email": f"person{{number}}@shire.example"}}
    {ending}

people()
"""
    result = run(body)
    assert (result.tasks["people", -1], result.tries["people", -1]) == (state, tries)
    assert sandbox.audiences == []
    assert sandbox.requests == []


class TestReplacement:
    """A list that stays current."""

    @pytest.fixture
    def api_version(self):
        return "v3"

    def test_the_next_run_replaces_the_audience_in_its_campaigns(self, run, sandbox):
        body = """
@task.iqm_upload(**ARGUMENTS, replaces="previous", min_records=2, poke_interval=0.2)
def people():
    yield ("email",)
    yield from [("a@b.example",), ("c@d.example",)]

people()
"""
        first = run(body, logical_date=datetime.fromisoformat("2026-05-01T00:00+00:00")).xcom("people")
        campaign = sandbox.add_campaign(included=[first])
        second = run(body, logical_date=datetime.fromisoformat("2026-05-02T00:00+00:00"))
        assert second.state == "success"
        assert [(each.id, each.included) for each in sandbox.campaigns] == [(campaign, (second.xcom("people"),))]
        assert [audience.status for audience in sandbox.audiences] == ["Deleted", "Ready"]
        body = body.replace("min_records=2", "min_records=3")
        third = run(body, logical_date=datetime.fromisoformat("2026-05-03T00:00+00:00"))
        assert (third.state, len(sandbox.audiences)) == ("failed", 2)


def test_the_list_is_not_in_the_database_or_a_log_file(run, sandbox):
    body = """
@task.iqm_upload(**ARGUMENTS)
def people():
    yield {"email": "galadriel" + "@lorien.example"}

people()
"""
    assert run(body).state == "success"
    home = Path(os.environ["AIRFLOW_HOME"])
    assert (home / "airflow.db").is_file()
    # The Dag's file has the parts, but only the list has the whole.
    assert files_with("galadriel@lorien.example", home) == ""
    assert "taskflow.py" in files_with("@lorien.example", home)


def files_with(text, folder):
    # In another process: one that opens and closes SQLite's file loses its locks on it.
    return subprocess.run(["grep", "-rla", text, folder], capture_output=True, text=True).stdout
