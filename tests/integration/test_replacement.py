"""Audiences that replace each other, run after run, with the history that Airflow has of them."""

from __future__ import annotations

import uuid

import airflow
import pytest

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
    mixed = not airflow.__version__.startswith("2.")
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
