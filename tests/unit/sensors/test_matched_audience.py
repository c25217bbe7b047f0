from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_iqm.exceptions import (
    AudienceFailedError,
    AudienceNotFoundError,
    IQMError,
    IQMFinalError,
    LowMatchRateError,
)
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger

API = "https://api.iqm.com"

GONE = {"status_code": 404, "json": {"statusCode": 404, "responseObject": {"errorMsg": "Audience not found."}}}


def details(audience_id, status, **more):
    audience = {"id": audience_id, "audienceName": f"List {audience_id}", "status": status, "matchRate": 57.88, **more}
    return {"json": {"statusCode": 200, "responseObject": audience}}


@pytest.fixture
def iqm(requests_mock, iqm_connection, waits):
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 35999, "owId": 1}
    requests_mock.post(f"{API}/api/v3/ua/login", json={"success": True, "data": token})

    def answers(audience_id, *given):
        requests_mock.get(f"{API}/api/v2/audience/matched/{audience_id}", list(given))

    requests_mock.answers = answers
    requests_mock.lists = lambda *given: requests_mock.get(f"{API}/api/v2/audience/list", list(given))
    return requests_mock


def listed(**statuses):
    rows = [
        {"id": int(name[1:]), "audienceName": f"List {name[1:]}", "status": status, "uniques": 5}
        for name, status in statuses.items()
    ]
    return {"json": {"statusCode": 200, "responseObject": rows}}


def context():
    return {"ti": MagicMock()}


def wait(audience_id, **arguments):
    sensor = AudienceReadySensor(task_id="wait", audience_id=audience_id, poke_interval=1, timeout=60, **arguments)
    return sensor.execute(context())


def test_waits_until_ready_and_returns_the_details(iqm):
    records = {"uniques": 52432, "fileTotalCount": 100}
    iqm.answers(7, details(7, "Processing"), details(7, "Pending"), details(7, "new"), details(7, "READY", **records))
    ready = wait(7)
    assert ready == {
        "id": 7,
        "name": "List 7",
        "status": "Ready",
        "match_rate": 57.88,
        "uniques": 52432,
        "records": 100,
        "data_cost": None,
    }
    assert iqm.call_count == 5


def test_many_audiences_are_polled_with_one_request(iqm):
    iqm.lists(listed(_7="approved", _8="pending", _9="rejected"))
    iqm.answers(7, details(7, "Ready"))
    iqm.answers(8, details(8, "Ready"))
    assert [(item["id"], item["match_rate"]) for item in wait(["8", 7])] == [(8, 57.88), (7, 57.88)]
    # The log-in, the list, 7; then there is only 8 to ask for.
    assert iqm.call_count == 4


def test_very_many_audiences_are_only_polled_with_the_list(iqm):
    ids = range(1, 1001)
    iqm.lists(
        listed(**{f"_{item}": "pending" for item in ids}),
        listed(**{f"_{item}": "approved" if item > 3 else "processing" for item in ids}),
        listed(**{f"_{item}": "approved" for item in ids}),
    )
    ready = wait(list(ids))
    assert [(item["id"], item["status"], item["match_rate"], item["uniques"]) for item in ready] == [
        (item, "Ready", None, 5) for item in ids
    ]
    assert iqm.call_count == 4


def test_one_of_many_that_was_rejected_fails_the_task(iqm):
    iqm.lists(listed(**{f"_{item}": "rejected" if item == 77 else "pending" for item in range(1, 101)}))
    with pytest.raises(AudienceFailedError, match="Audience 77"):
        wait(list(range(1, 101)))


def test_unlisted_audiences_are_polled_one_by_one(iqm):
    iqm.lists(listed(_7="approved"))
    iqm.answers(7, details(7, "Ready"))
    for item in range(20, 45):
        iqm.answers(item, details(item, "Ready"))
    ready = wait([7, *range(20, 45)])
    assert [item["id"] for item in ready] == [7, *range(20, 45)]
    # Ten at a look, so that one look can't use up the account's limit.
    assert iqm.call_count == 1 + 3 + 25


def test_a_deleted_unlisted_audience_fails_the_task(iqm):
    iqm.lists(listed(_7="pending"))
    iqm.answers(8, GONE)
    with pytest.raises(AudienceNotFoundError, match="audience 8"):
        wait([7, 8])


@pytest.mark.parametrize("status", ["Failed", "rejected", "Deleted"])
@pytest.mark.parametrize("soft_fail", [True, False])
def test_a_failed_audience_fails_immediately_without_a_retry(iqm, status, soft_fail):
    iqm.answers(7, details(7, status, rejectionReason="Too few records"))
    with pytest.raises(AudienceFailedError, match="Too few records") as raised:
        wait(7, soft_fail=soft_fail)
    assert isinstance(raised.value, AirflowFailException)
    assert iqm.call_count == 2


def test_a_timeout_skips_the_task_with_soft_fail(iqm):
    iqm.answers(7, details(7, "Pending"))
    sensor = AudienceReadySensor(task_id="wait", audience_id=7, poke_interval=0, timeout=0, soft_fail=True)
    with pytest.raises(AirflowSkipException):
        sensor.execute(context())


def test_server_errors_while_polling_do_not_fail_the_wait(iqm):
    down = [{"status_code": 503}] * 6 + [{"status_code": 429}] * 11 + [{"text": "<html>"}]
    iqm.answers(7, *down, details(7, "Ready"))
    assert wait(7)["status"] == "Ready"


def test_an_unknown_audience_fails(iqm):
    iqm.answers(7, GONE)
    with pytest.raises(AudienceNotFoundError) as raised:
        wait(7)
    assert isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize("soft_fail", [True, False])
@pytest.mark.parametrize(("rate", "said"), [(39.9, "39.90 %"), (None, "didn't report")])
def test_a_low_or_unknown_match_rate_fails_without_a_retry(iqm, rate, said, soft_fail):
    iqm.answers(7, details(7, "Ready", matchRate=rate))
    with pytest.raises(LowMatchRateError, match=said) as raised:
        wait(7, min_match_rate=40, soft_fail=soft_fail)
    assert isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize("soft_fail", [True, False])
def test_a_low_match_rate_fails_after_a_deferral_too(soft_fail):
    more = {"name": "List 7", "match_rate": 39.9, "uniques": 1, "records": 1, "data_cost": None}
    event = {"kind": "ready", "audiences": [{"id": 7, "status": "Ready", **more}]}
    sensor = deferrable(min_match_rate=40, soft_fail=soft_fail)
    with pytest.raises(LowMatchRateError):
        sensor.resume_execution("execute_complete", {"event": event}, context())


def test_an_unknown_match_rate_of_one_of_very_many_fails_the_task(iqm):
    ids = range(20, 40)
    iqm.lists(listed(**{f"_{item}": "approved" for item in ids}))
    for item in ids:
        iqm.answers(item, details(item, "Ready", matchRate=None if item == 30 else 57.88))
    with pytest.raises(LowMatchRateError, match="Audience 30") as raised:
        wait(list(ids), min_match_rate=0)
    assert "Audience 31" not in str(raised.value)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("declared", "ids"),
    [
        ("{{ params.one }}", 7),
        ("{{ params.text }}", 7),
        ("{{ params.several }}", [7]),
        ("{{ params.texts }}", [7]),
        ("{{ params.several | tojson }}", [7]),
        (["{{ params.one }}"], [7]),
        (("{{ params.text }}",), [7]),
    ],
)
def test_a_template_returns_one_or_a_list_however_it_is_rendered(iqm, declared, ids, native):
    iqm.answers(7, details(7, "Ready"))
    params = {"one": 7, "text": "7", "several": [7], "texts": ["7"]}
    with DAG("dag", start_date=datetime(2026, 1, 1), schedule=None, render_template_as_native_obj=native):
        sensor = AudienceReadySensor(task_id="wait", audience_id=declared)
    sensor.render_template_fields({"params": params, "ti": MagicMock()})
    ready = sensor.execute(context())
    assert (ready["id"] if isinstance(ready, dict) else [item["id"] for item in ready]) == ids


@pytest.mark.parametrize(("declared", "one"), [(7, True), ("7", True), ([7], False), ("[7]", False)])
def test_returns_the_same_after_a_deferral(declared, one):
    ready = {
        "id": 7,
        "status": "Ready",
        "name": "List 7",
        "match_rate": 1.0,
        "uniques": 1,
        "records": 1,
        "data_cost": None,
    }
    sensor = AudienceReadySensor(task_id="wait", audience_id=declared, deferrable=True)
    event = {"kind": "ready", "audiences": [ready]}
    assert sensor.execute_complete(context(), event) == (ready if one else [ready])


def deferrable(audience_id=7, **arguments):
    return AudienceReadySensor(
        task_id="wait", audience_id=audience_id, poke_interval=30, timeout=600, deferrable=True, **arguments
    )


def test_a_deferrable_sensor_polls_once_and_then_defers(iqm):
    iqm.lists(listed(_7="approved", _8="pending"))
    iqm.answers(7, details(7, "Ready"))
    before = time.time()
    with pytest.raises(TaskDeferred) as raised:
        deferrable(["7", 8]).execute(context())
    deferral = raised.value
    _, arguments = deferral.trigger.serialize()
    assert json.loads(json.dumps(arguments)) == {
        "audience_ids": [7, 8],
        "iqm_conn_id": "iqm_default",
        "poke_interval": 30,
        "deadline": arguments["deadline"],
        "max_poke_interval": 600,
        "pool_slots": 0,
    }
    assert before + 600 <= arguments["deadline"] <= time.time() + 600
    assert deferral.method_name == "execute_complete"
    assert deferral.timeout > timedelta(seconds=600)
    assert iqm.call_count == 3


def test_a_deferrable_sensor_does_not_defer_if_ready(iqm):
    iqm.answers(7, details(7, "Ready"))
    assert deferrable().execute(context())["id"] == 7


@pytest.mark.parametrize("soft_fail", [True, False])
def test_a_deferrable_sensor_fails_immediately_if_the_audience_failed(iqm, soft_fail):
    iqm.answers(7, details(7, "Rejected"))
    with pytest.raises(AudienceFailedError):
        deferrable(soft_fail=soft_fail).execute(context())


def test_a_deferrable_sensor_defers_if_iqm_is_down(iqm):
    iqm.answers(7, {"status_code": 503})
    with pytest.raises(TaskDeferred):
        deferrable().execute(context())


def resume(event, **arguments):
    return deferrable(**arguments).resume_execution("execute_complete", {"event": event}, {})


def ready(*ids, status="Ready"):
    return {"kind": "ready", "audiences": [{"id": audience_id, "status": status} for audience_id in ids]}


@pytest.mark.parametrize("given", [7, "7", [7], [7, 8]])
def test_execute_complete_returns_what_poke_returns(given):
    ids = [7, 8] if given == [7, 8] else [7]
    event = ready(*ids)
    expected = event["audiences"] if isinstance(given, list) else event["audiences"][0]
    assert resume(event, audience_id=given) == expected


UNKNOWN = [
    None,
    "ready",
    {},
    {"kind": "ready"},
    {"kind": "ready", "audiences": None},
    {"kind": "ready", "audiences": []},
    {"kind": "ready", "audiences": [None]},
    {"kind": "ready", "audiences": [{}]},
    {"kind": "done", "audiences": [{"id": 7, "status": "Ready"}]},
    {"status": "success"},
    {"kind": "failed"},
    {"kind": "timeout", "message": None},
    ready(8),
    ready(7, 8),
    ready(7, status="Pending"),
]


@pytest.mark.parametrize("event", UNKNOWN)
@pytest.mark.parametrize("soft_fail", [True, False])
def test_an_unknown_event_never_counts_as_ready(event, soft_fail):
    with pytest.raises(IQMError, match="same release") as raised:
        resume(event, soft_fail=soft_fail)
    assert not isinstance(raised.value, AirflowException)


@pytest.mark.parametrize("soft_fail", [True, False])
def test_the_event_of_a_failed_audience_fails_without_a_retry(soft_fail):
    with pytest.raises(AudienceFailedError, match="Too few") as raised:
        resume({"kind": "failed", "message": "Too few records"}, soft_fail=soft_fail)
    assert isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize(
    ("kind", "soft_fail", "error"),
    [
        ("timeout", False, AirflowSensorTimeout),
        ("timeout", True, AirflowSkipException),
        ("error", False, IQMFinalError),
        # As in the other modes: Airflow's soft_fail forgives what can't be mended too, but no failed audience.
        ("error", True, AirflowSkipException),
    ],
)
def test_other_events(kind, soft_fail, error):
    with pytest.raises(error):
        resume({"kind": kind, "message": "words"}, soft_fail=soft_fail)


def test_the_default_of_deferrable_is_airflow_s():
    code = (
        "from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor;"
        "print(AudienceReadySensor(task_id='a', audience_id=7).deferrable)"
    )
    environment = os.environ | {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split()[-1] == "True"
    assert not AudienceReadySensor(task_id="a", audience_id=7).deferrable


def test_links_to_the_audience_or_to_the_list_of_several(iqm):
    iqm.answers(7, details(7, "Ready"))
    iqm.lists(listed(a7="Ready", a8="Ready"))
    iqm.answers(8, details(8, "Ready"))
    for audience_id, url in [(7, "https://app.iqm.com/#/audience/7"), ([7, 8], "https://app.iqm.com/#/audience")]:
        given = context()
        AudienceReadySensor(task_id="wait", audience_id=audience_id).execute(given)
        given["ti"].xcom_push.assert_any_call(key="iqm_audience_link", value=url)
        unlinked = context()
        AudienceReadySensor(task_id="wait", audience_id=audience_id, do_xcom_push=False).execute(unlinked)
        unlinked["ti"].xcom_push.assert_not_called()


class TestCampaigns:
    """The campaigns that use the ready audiences, pushed to XCom."""

    @pytest.fixture(params=[False, True], ids=["worker", "triggerer"])
    def run(self, request, local_iqm, monkeypatch):
        """Wait for audiences, in the worker or in the triggerer; return what was pushed to XCom."""
        local_iqm.connect(api_version="v3")
        if request.param:
            monkeypatch.setattr(IQMHook, "_poll", lambda hook, watch, log: None)

        def run(audience_id, **arguments):
            local_iqm.state.journal.clear()
            pushed = {}
            given = {"ti": MagicMock(xcom_push=lambda key, value: pushed.update({key: value}))}
            sensor = AudienceReadySensor(
                task_id="wait",
                audience_id=audience_id,
                poke_interval=0,
                timeout=60,
                deferrable=request.param,
                **arguments,
            )
            try:
                sensor.execute(given)
            except TaskDeferred as deferral:
                _, stored = deferral.trigger.serialize()
                trigger = AudienceReadyTrigger(**json.loads(json.dumps(stored)))
                event = asyncio.run(anext(trigger.run())).payload
                sensor.execute_complete(given, json.loads(json.dumps(event)))
            return pushed

        return run

    def test_one_audience_takes_one_more_request(self, run, local_iqm, add_audience):
        audience_id = add_audience()
        campaigns = [local_iqm.add_campaign(included=[audience_id]), local_iqm.add_campaign(excluded=[audience_id])]
        details = f"/api/v3/audience/matched/{audience_id}"
        assert run(audience_id)["campaigns"] == {"included": campaigns[:1], "excluded": campaigns[1:]}
        assert local_iqm.paths()[-2:] == [details, details]
        local_iqm.state.campaigns.clear()
        assert run([audience_id])["campaigns"] == {"included": [], "excluded": []}

    def test_several_audiences_take_one_more_request(self, run, local_iqm, add_audience):
        ids = [add_audience() for _ in range(12)]
        both = local_iqm.add_campaign(included=ids[:2])
        other = local_iqm.add_campaign(included=ids[2:3], excluded=ids[3:4])
        assert run(ids)["campaigns"] == {"included": [both, other], "excluded": [other]}
        assert local_iqm.paths()[-2:] == ["/api/v3/audience/list"] * 2

    @pytest.mark.parametrize("kind", ["status", "drop_before", "html", "truncate"])
    def test_a_failure_only_logs_a_warning(self, run, local_iqm, add_audience, kind, caplog, capfd):
        audience_id = add_audience()
        local_iqm.add_fault(kind, path=f"/api/v3/audience/matched/{audience_id}", skip=1, times=None)
        assert "campaigns" not in run(audience_id)
        told = caplog.text + capfd.readouterr().out
        assert f"Failed to read which campaigns use audience {audience_id}: " in told
        assert "Continuing without the campaigns." in told
        # Without retries; aiohttp itself sends a GET again if the server closes a connection that was in use before.
        assert local_iqm.paths().count(f"/api/v3/audience/matched/{audience_id}") <= 3

    def test_without_xcom_nothing_is_requested(self, run, local_iqm, add_audience):
        audience_id = add_audience()
        assert run(audience_id, do_xcom_push=False) == {}
        assert local_iqm.paths().count(f"/api/v3/audience/matched/{audience_id}") == 1
