from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.assets.outlets import audience_event
from airflow_provider_iqm.operators.audience_report import report_audiences

LIMITS = {"min_records": 10, "max_records_drop": 5.0, "min_match_rate": 40.0, "max_match_rate_drop": 2.0}


def event(audience_id=7):
    more = {"match_rate": 57.9, "uniques": 5, "records": 9, "data_cost": 1.5}
    return audience_event({"id": audience_id, "name": f"List {audience_id}", "status": "Ready", **more})


@pytest.fixture
def task():
    hook = SimpleNamespace(settings=SimpleNamespace(credentials=SimpleNamespace(workspace_host="app.iqm.com")))
    return SimpleNamespace(outlets=[], log=MagicMock(), hook=hook, do_xcom_push=True)


@pytest.fixture
def context():
    return {"ti": MagicMock(), "outlet_events": defaultdict(lambda: SimpleNamespace(extra={}))}


def test_an_outlet_gets_the_audience_its_link_and_the_limits(task, context):
    vars(task).update(outlets=[matched_audience_asset("Customers")], **LIMITS)
    assert report_audiences(task, context, [event()])
    (described,) = context["outlet_events"].values()
    assert described.extra == {**event(), "url": "https://app.iqm.com/#/audience/7", "limits": LIMITS}
    assert (described.extra["uniques"], described.extra["data_cost"]) == (5, 1.5)
    context["ti"].xcom_push.assert_not_called()


def test_without_an_outlet_it_is_in_xcom(task, context):
    assert not report_audiences(task, context, [event()])
    context["ti"].xcom_push.assert_called_once_with(
        key="audience_event", value={**event(), "url": "https://app.iqm.com/#/audience/7"}
    )


def test_several_audiences_are_one_xcom(task, context):
    report_audiences(task, context, [event(7), event(8)])
    value = context["ti"].xcom_push.call_args.kwargs["value"]
    assert [each["audience_id"] for each in value["audiences"]] == [7, 8]


def test_without_xcom_there_is_no_trace(task, context):
    task.do_xcom_push = False
    report_audiences(task, context, [event()])
    context["ti"].xcom_push.assert_not_called()


def test_limits_that_are_not_set_are_left_out(task, context):
    vars(task).update(min_match_rate=0, max_match_rate_drop=None)
    report_audiences(task, context, [event()])
    assert context["ti"].xcom_push.call_args.kwargs["value"]["limits"] == {"min_match_rate": 0}
