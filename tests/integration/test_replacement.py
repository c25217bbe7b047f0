"""Audiences that replace each other, run after run, with the history that Airflow has of them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import airflow
import pytest
from airflow.models import DagRun
from sqlalchemy import select

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from tests.integration.asset_events import asset_events

AIRFLOW_2 = airflow.__version__.startswith("2.")

DAG = """
from datetime import datetime, timedelta
from pathlib import Path
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

def fail_the_first_try(context, result):
    if context["ti"].try_number == 1:
        for path in Path(FOLDER).glob("*.csv"):
            path.write_text(path.read_text() + "gollum@shire.example\\n")
        raise RuntimeError("the worker is gone")

with DAG("DAG_ID", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}) as dag:
    MatchedAudienceUploadOperator.partial(
        task_id="vip",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
        replaces="previous",
        poke_interval=0.2,
        map_index_template="{{ task.audience_name }}",
        ARGUMENTS
    ).expand_kwargs(LISTS)
"""


@pytest.fixture
def api_version():
    return "v3"


@pytest.fixture
def night(run_dag, sandbox, tmp_path):
    """Run a night's Dag on a list for each state, and return the audiences by state."""
    dag_id = f"replacement_{uuid.uuid4().hex[:12]}"

    def run(number, states, *, logical_date=True, arguments="", **campaigns):
        lists = []
        for state in states:
            path = tmp_path / f"{state}.csv"
            path.write_text(f"email\nfrodo{number}@{state}.example\n")
            campaign_ids = [campaigns[state]] if state in campaigns else None
            lists.append({"file_path": str(path), "audience_name": state, "campaign_ids": campaign_ids})
        source = DAG.replace("FOLDER", repr(str(tmp_path))).replace("DAG_ID", dag_id)
        source = source.replace("ARGUMENTS", arguments).replace("LISTS", repr(lists))
        assert run_dag(source, dag_id, logical_date=logical_date).state == "success"
        return {audience.name: audience.id for audience in sandbox.audiences if audience.status != "Deleted"}

    return run


@pytest.mark.parametrize("deferrable", [True, False])
def test_each_list_replaces_its_own_audience_whatever_its_map_index(night, sandbox, deferrable):
    campaigns = {state: sandbox.add_campaign() for state in ("CA", "AK")}
    mixed = not AIRFLOW_2
    night(1, ["CA", "AK"], arguments=f"deferrable={deferrable},", **campaigns)
    # Airflow sorts runs without a logical date apart.
    for number, states in ((2, ["AK", "CA"]), (3, ["CA", "AK"]), (4, ["AK", "CA"])):
        logical_date = not mixed or number % 2 == 1
        made = night(number, states, logical_date=logical_date, arguments=f"deferrable={deferrable},")
        assert {campaign.id: campaign.included for campaign in sandbox.campaigns} == {
            campaigns[state]: (made[state],) for state in campaigns
        }
        assert len([each for each in sandbox.audiences if each.status != "Deleted"]) == 2


def test_a_retry_with_another_list_replaces_what_the_first_try_has_made(night, sandbox):
    campaign = sandbox.add_campaign()
    night(1, ["CA"], CA=campaign)
    made = night(2, ["CA"], arguments="post_execute=fail_the_first_try,")
    assert sandbox.campaigns[0].included == (made["CA"],)
    assert [each.id for each in sandbox.audiences if each.status != "Deleted"] == [made["CA"]]
    assert len(sandbox.audiences) == 3


UNMAPPED = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

with DAG("DAG_ID", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    MatchedAudienceUploadOperator(
        task_id="vip", audience_name="VIP {{ run_id }}", columns={"email": "Email"}, column_settings={"Email": "Raw"},
        file_path=FILE, replaces="previous", deferrable=True, poke_interval=0.2, outlets=OUTLETS,
    )
"""


@pytest.fixture(params=[True, False], ids=["with an outlet", "without"])
def day(request, run_dag, sandbox, tmp_path, monkeypatch, capfd):
    """Run a day's task; if it has run before, clear it and run it again. Return its audience and the log."""
    path, dag_id, types = tmp_path / "list.csv", f"vip_{uuid.uuid4().hex[:12]}", {"run_type": None}
    outlets = f'[matched_audience_asset("{dag_id}")]' if request.param else "[]"
    module, name = ("dag", "_get_or_create_dagrun") if AIRFLOW_2 else ("dagrun", "get_or_create_dagrun")
    create = getattr(getattr(airflow.models, module), name)

    def find_or_create(*, session, **arguments):
        # dag.test() clears the tasks of the date's run, but then replaces the run.
        date = getattr(DagRun, "execution_date" if AIRFLOW_2 else "logical_date")
        query = select(DagRun).where(
            DagRun.dag_id == dag_id, date == arguments["execution_date" if AIRFLOW_2 else "logical_date"]
        )
        if run := session.scalar(query):
            run.state, run.dag = "running", arguments["dag"]
        else:
            run = create(session=session, **arguments)
            run.run_type = types["run_type"] or run.run_type
        session.commit()
        return run

    monkeypatch.setattr(getattr(airflow.models, module), name, find_or_create)

    def run(number, people="frodo", run_type=None):
        path.write_text(f"email\n{people}{number}@shire.example\n")
        types["run_type"] = run_type
        source = UNMAPPED.replace("DAG_ID", dag_id).replace("FILE", repr(str(path))).replace("OUTLETS", outlets)
        done = run_dag(source, dag_id, logical_date=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number))
        assert done.state == "success"
        return SimpleNamespace(
            audience_id=done.xcom("vip"), tries=done.tries["vip", -1], log=capfd.readouterr().out.splitlines()
        )

    run.uri = matched_audience_asset(dag_id).uri if request.param else None
    run.shared = request.param and not AIRFLOW_2
    return run


def test_neither_a_backfill_nor_an_older_run_that_is_cleared_replaces_a_newer_one_s_audience(day, sandbox):
    first = day(1).audience_id
    sandbox.add_campaign(included=[first])
    second, third = day(2).audience_id, day(3).audience_id
    before = sandbox.campaigns[0].timeline
    cleared = day(2, people="sam")
    assert (cleared.tries, cleared.audience_id not in (second, third)) == (2, True)
    backfilled = day(0, run_type="backfill")
    for older in (cleared, backfilled):
        reason = f"a newer run has created audience {third}" if day.shared else "this is a backfill"
        told = any(f"Leaving campaigns unchanged: {reason}" in line for line in older.log)
        assert told == (day.shared or older is backfilled)
        assert f"Audience {older.audience_id}" in "".join(older.log)
    assert sandbox.campaigns[0].timeline == before
    assert sandbox.campaigns[0].included == (third,)
    fourth = day(4).audience_id
    assert sandbox.campaigns[0].included == (fourth,)
    assert third in [audience.id for audience in sandbox.audiences if audience.status == "Deleted"]
    if day.uri:
        assert [event.get("replaced") for event in asset_events(day.uri)][:3] == [None, [first], [second]]


def test_a_cleared_task_with_the_same_list_adopts_its_audience_and_changes_nothing(day, sandbox):
    first = day(1).audience_id
    sandbox.add_campaign(excluded=[first])
    second = day(2).audience_id
    before, uploaded = sandbox.campaigns[0].timeline, len(sandbox.audiences)
    cleared = day(2)
    assert (cleared.tries, cleared.audience_id) == (2, second)
    assert sandbox.campaigns[0].timeline == before
    assert sandbox.campaigns[0].excluded == (second,)
    assert len(sandbox.audiences) == uploaded
