"""The gate for match rates, on a sandbox that is told what to match."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.hooks.iqm import IQMHook
from tests.integration.asset_events import asset_events

DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

CUSTOMERS = matched_audience_asset("NAME")

with DAG("NAME", schedule=None, start_date=datetime(2026, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(seconds=0)}) as dag:
    OPERATOR(task_id="task", poke_interval=0.2, **ARGUMENTS)
"""


@pytest.fixture(params=[True, False], ids=["with an outlet", "without"])
def outlet(request):
    """Whether the task has the asset as its outlet."""
    return request.param


@pytest.fixture
def night(run_dag, sandbox, tmp_path, outlet):
    """Run a night's task on audiences that are matched at some rates."""
    name = f"gate_{uuid.uuid4().hex[:12]}"
    path = tmp_path / "list.csv"

    def make(audience_name, rate):
        path.write_text("email\nfrodo@shire.example\n")
        sandbox.change_settings(match_rate=rate)
        return IQMHook().upload_matched_audience(
            file_path=path, audience_name=audience_name, columns={"email": "Email"}, column_settings={"Email": "Raw"}
        )

    def wait(*rates, names="Customers {}", **arguments):
        ids = [make(names.format(number), rate) for number, rate in enumerate(rates)]
        given = {"audience_id": ids[0] if len(ids) == 1 else ids, "timeout": 60}
        return run("AudienceReadySensor", given | arguments)

    def upload(rate, content, **arguments):
        path.write_text(content)
        sandbox.change_settings(match_rate=rate)
        given = {"file_path": str(path), "audience_name": "Customers {{ run_id }}", "columns": {"email": "Email"}}
        given |= {"column_settings": {"Email": "Raw"}, "wait_for_ready": True}
        return run("MatchedAudienceUploadOperator", given | arguments)

    def run(operator, arguments):
        text = repr(arguments)
        if outlet:
            text = text[:-1] + ', "outlets": [CUSTOMERS]}'
        return run_dag(DAG.replace("NAME", name).replace("OPERATOR", operator).replace("ARGUMENTS", text), name)

    return SimpleNamespace(wait=wait, upload=upload, uri=matched_audience_asset(name).uri)


MODES = [{"deferrable": True}, {"mode": "poke"}, {"mode": "reschedule"}]


@pytest.mark.parametrize("mode", MODES, ids=["deferred", "poke", "reschedule"])
def test_a_fall_fails_the_task_for_good_and_is_no_measure_for_the_next_night(night, sandbox, outlet, mode):
    # Not ready at the first look, so that it is deferred, or rescheduled.
    sandbox.change_settings(processing_seconds=2)
    limit = {"max_match_rate_drop": 5, "soft_fail": True, **mode}
    states = [night.wait(rate, **limit).tasks["task", -1] for rate in (60, 57, 20, 51, 52)]
    assert states == ["success", "success", "failed", "failed", "success"]
    if outlet:
        assert [event["match_rate"] for event in asset_events(night.uri)] == [60, 57, 52]


@pytest.mark.parametrize("api_version", ["classic", "v3"])
def test_a_low_rate_fails_without_a_retry_and_says_why(night, caplog, capfd):
    run = night.wait(20, min_match_rate=40)
    assert run.tasks["task", -1] == "failed"
    assert run.tries["task", -1] == 1
    told = caplog.text + "".join(capfd.readouterr())
    assert '"Customers 0" has a match rate of 20.00 %, below the minimum of 40 %' in told
    assert "upstream" in told


def test_a_fall_that_is_only_warned_of_is_the_new_measure(night, capfd):
    limit = {"max_match_rate_drop": 5, "on_low_match_rate": "warn"}
    assert [night.wait(rate, **limit).state for rate in (60, 20, 18)] == ["success"] * 3
    assert "it dropped by 40.00 percentage points" in (told := capfd.readouterr().out)
    assert "it dropped by 2.00" not in told


def test_of_many_audiences_each_has_its_own_history(night, outlet):
    rates = list(range(40, 52))
    assert night.wait(*rates, max_match_rate_drop=5).state == "success"
    fallen = [*rates[:-1], 30]
    assert night.wait(*fallen, max_match_rate_drop=5).state == "failed"
    # The list of so many doesn't tell the rates; they are asked for.
    run = night.wait(*rates, max_match_rate_drop=0)
    assert [audience["match_rate"] for audience in run.xcom("task")] == rates
    if outlet:
        told = [[audience["match_rate"] for audience in event["audiences"]] for event in asset_events(night.uri)]
        assert told == [rates, rates]


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_upload_that_waits_has_the_gate_too(night, sandbox, deferrable):
    sandbox.change_settings(processing_seconds=2)
    limit = {"max_match_rate_drop": 5, "deferrable": deferrable, "on_unchanged": "skip"}
    good, bad = "email\nfrodo@shire.example\n", "email\nFRODO@shire.example\n"
    assert night.upload(60, good, **limit).state == "success"
    # The second of them is not sent again, and is as bad as the first.
    for _ in range(2):
        run = night.upload(20, bad, **limit)
        assert run.state == "failed"
        assert run.tries["task", -1] == 1
    assert len(sandbox.audiences) == 2
    assert night.upload(58, good, **limit).state == "success"


@pytest.mark.parametrize("outlet", [False], indirect=True, ids=["without an outlet"])
@pytest.mark.parametrize(
    "arguments",
    [{"max_match_rate_drop": 5, "do_xcom_push": False}, {"min_match_rate": 400}, {"on_low_match_rate": "skip"}],
)
def test_a_gate_that_can_not_be_kept_is_refused_before_the_wait(night, sandbox, arguments):
    run = night.wait(60, **arguments)
    assert run.state == "failed"
    assert run.tries["task", -1] == 1
