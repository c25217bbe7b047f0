"""The example of an audience that somebody has to approve, before it replaces another one."""

from __future__ import annotations

import json
import runpy
import time
from datetime import UTC, datetime
from pathlib import Path

import airflow
import pytest
from airflow.models import Variable
from packaging.version import Version

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.sandbox.warehouse import create_warehouse

EXAMPLES = Path(__file__).parents[2] / "example_dags"
EXAMPLE = EXAMPLES / "example_iqm_approval.py"
VARIABLE = "example_iqm_approval_audience_id"
AIRFLOW = Version(airflow.__version__)


@pytest.fixture
def api_version():
    return "v3"


@pytest.fixture
def current(sandbox, tmp_path, monkeypatch, airflow_database):
    """The audience that campaigns use now, with 100 records."""
    sandbox.change_settings(processing_seconds=0, pending_seconds=0, match_rate=60)
    path = tmp_path / "list.csv"
    path.write_text("email\n" + "".join(f"p{number}@shire.example\n" for number in range(100)))
    audience_id = IQMHook().upload_matched_audience(
        file_path=path, audience_name="Customers", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    )
    Variable.set(VARIABLE, str(audience_id))
    warehouse = tmp_path / "warehouse.db"
    create_warehouse(warehouse, count=1200)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(warehouse)}))
    yield audience_id
    Variable.delete(VARIABLE)


@pytest.fixture
def respond(monkeypatch):
    """Respond to each request for an approval while ``dag.test()`` waits; return what the requests said."""
    if Version("3.3") > AIRFLOW:
        pytest.skip("dag.test() waits for responses since Airflow 3.3")
    from airflow.models.hitl import HITLDetail
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    requests, sleep = [], time.sleep

    def choose(option):
        def answer(seconds):
            with create_session() as session:
                for detail in session.scalars(select(HITLDetail).where(HITLDetail.responded_at.is_(None))):
                    if detail.task_instance.state == TaskInstanceState.AWAITING_INPUT:
                        requests.append((detail.subject, detail.body, detail.task_instance.pool))
                        detail.chosen_options, detail.responded_at = [option], datetime.now(UTC)
                        event = TriggerEvent(detail.as_resume_event_payload())
                        handle_event_submit(event, task_instance=detail.task_instance, session=session)
            sleep(seconds)

        monkeypatch.setattr(time, "sleep", answer)
        return requests

    return choose


def test_the_file_can_be_parsed_on_every_airflow():
    assert ("dag" in runpy.run_path(str(EXAMPLE))) == (Version("3.1") <= AIRFLOW)


def test_its_pools_are_in_the_file_of_pools():
    pools = json.loads((EXAMPLES / "pools.json").read_text())
    if Version("3.1") <= AIRFLOW:
        tasks = runpy.run_path(str(EXAMPLE))["dag"].tasks
        assert {task.task_id for task in tasks if task.pool == "iqm_approvals"} == {"approve"}
        assert {task.pool for task in tasks} == pools.keys()
    assert not pools["iqm_approvals"]["include_deferred"]


def test_an_approved_audience_replaces_the_old_one(run_dag, sandbox, current, respond):
    summer = sandbox.add_campaign("Summer", included=[current])
    winter = sandbox.add_campaign("Winter", excluded=[current], status="paused")
    requests = respond("Approve")
    run = run_dag(EXAMPLE, "example_iqm_approval")
    assert run.state == "success"
    old, new = sandbox.audiences
    changes = "Records: 1,200 (+1,100), match rate: 60.0 % (+0.0)"
    assert requests == [
        (
            f"Replace audience {old.id} with {new.id}? {changes}, campaigns: 2",
            f"- {summer} Summer (running)\n- {winter} Winter (paused)\n",
            "iqm_approvals",
        )
    ]
    assert [old.status, new.status] == ["Deleted", "Ready"]
    assert Variable.get(VARIABLE) == str(new.id)
    assert [(each.included, each.excluded) for each in sandbox.campaigns] == [((new.id,), ()), ((), (new.id,))]


def test_a_rejected_audience_is_deleted_and_the_old_one_stays(run_dag, sandbox, current, respond):
    sandbox.add_campaign(included=[current])
    respond("Reject")
    run = run_dag(EXAMPLE, "example_iqm_approval")
    assert run.state == "success"
    assert run.tasks["replace", -1] == "skipped"
    assert [audience.status for audience in sandbox.audiences] == ["Ready", "Deleted"]
    assert sandbox.campaigns[0].included == (current,)
    assert Variable.get(VARIABLE) == str(current)
