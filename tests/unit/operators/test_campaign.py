"""The campaign operators against the sandbox."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.exceptions import AudienceOptionError, CampaignTargetingError, IQMFinalError
from airflow_provider_iqm.get_provider_info import get_provider_info
from airflow_provider_iqm.links.campaign import IQMCampaignLink, campaign_url
from airflow_provider_iqm.operators.campaign import ReplaceAudienceOperator, TargetAudienceOperator
from airflow_provider_iqm.operators.replacement_log import log_replacement

TARGET = "/api/v3/cmp/target/audience"
NAMES = "/api/v3/cmp/basic/list"


@pytest.fixture
def run():
    """Run the task, and return its result and what it pushed to XCom."""

    def run(**arguments):
        pushed = {}
        ti = MagicMock(xcom_push=lambda key, value: pushed.update({key: value}))
        result = TargetAudienceOperator(task_id="target", **arguments).execute({"ti": ti})
        return SimpleNamespace(result=result, pushed=pushed)

    return run


@pytest.fixture(params=["classic", "v3"], autouse=True)
def version(request, local_iqm):
    local_iqm.connect(api_version=request.param)
    return request.param


def targets(sandbox):
    return {campaign.id: (campaign.included, campaign.excluded) for campaign in sandbox.campaigns}


def test_campaigns_are_changed_by_one_request(run, local_iqm, add_audience):
    old, new, unwanted = (add_audience() for _ in range(3))
    ids = [local_iqm.add_campaign(included=[old]), local_iqm.add_campaign()]
    done = run(campaign_ids=ids, include=str(new), exclude=[unwanted], remove=f"[{old}]")
    assert done.result == ids
    assert targets(local_iqm) == dict.fromkeys(ids, ((new,), (unwanted,)))
    assert local_iqm.paths()[1:] == [TARGET]
    assert done.pushed == {
        "iqm_campaign_link": "https://app.iqm.com/#/campaign",
        "iqm_audience_link": "https://app.iqm.com/#/audience",
    }


def test_a_campaign_that_can_t_be_changed_fails_the_task_by_name(run, local_iqm, add_audience):
    *full, new = (add_audience() for _ in range(21))
    free, pg = local_iqm.add_campaign("Free"), local_iqm.add_campaign("Guaranteed", pg=True)
    crowded = local_iqm.add_campaign("Crowded", included=full, status="paused")
    with pytest.raises(CampaignTargetingError) as raised:
        run(campaign_ids=[free, pg, crowded], include=new, remove=full[0])
    assert isinstance(raised.value, AirflowFailException)
    text = str(raised.value)
    assert text.startswith("2 of 3 campaigns not changed: ")
    assert f'{pg} "Guaranteed" (running): PG campaigns can\'t target audiences' in text
    assert f'{crowded} "Crowded" (paused): Can not target more than 20 audiences' in text
    assert raised.value.changed == [free]
    assert raised.value.failed.keys() == {pg, crowded}
    assert targets(local_iqm)[free] == ((new,), ())
    assert targets(local_iqm)[crowded] == (tuple(full), ())
    assert local_iqm.paths()[1:] == [TARGET, TARGET, NAMES]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "status", "status_after_work", "html"])
def test_a_lost_answer_is_asked_for_again(run, local_iqm, add_audience, kind):
    old, new = add_audience(), add_audience()
    campaign_id = local_iqm.add_campaign(included=[old])
    local_iqm.add_fault(kind, path=TARGET)
    assert run(campaign_ids=campaign_id, include=new, remove=old).result == [campaign_id]
    (campaign,) = local_iqm.campaigns
    assert campaign.included == (new,)
    assert all(moment.included in {(old,), (new,)} for moment in campaign.timeline)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"campaign_ids": []}, IQMFinalError, "campaign_ids is an empty list"),
        ({"campaign_ids": "x", "include": 7}, IQMFinalError, "campaign_ids contains 'x'"),
        ({"campaign_ids": 5, "include": None}, IQMFinalError, "include contains None"),
        ({"campaign_ids": 5, "remove": [0]}, IQMFinalError, "remove contains 0"),
        ({"campaign_ids": None, "include": 7}, IQMFinalError, "campaign_ids is None"),
        ({"campaign_ids": 5}, AudienceOptionError, "at least one audience"),
        ({"campaign_ids": 5, "include": 7, "remove": 7}, AudienceOptionError, "Audience 7 is in both include"),
    ],
)
def test_bad_arguments_cost_no_request(run, local_iqm, arguments, error, words):
    with pytest.raises(error, match=words) as raised:
        run(**arguments)
    assert isinstance(raised.value, AirflowFailException)
    assert local_iqm.requests == []


def test_links():
    assert campaign_url("acme.iqm.com", [5]) == "https://acme.iqm.com/#/campaign/5"
    assert campaign_url("acme.iqm.com", [5, 6]) == "https://acme.iqm.com/#/campaign"
    for link in TargetAudienceOperator.operator_extra_links:
        assert f"{type(link).__module__}.{type(link).__qualname__}" in get_provider_info()["extra-links"]


def test_the_link_is_read_from_xcom(monkeypatch):
    pushed = {}
    monkeypatch.setattr(
        "airflow_provider_iqm.links.base.XCom.get_value", lambda *, ti_key, key: pushed.get((ti_key, key))
    )
    link = IQMCampaignLink()
    assert link.get_link(None, ti_key="instance") == ""
    pushed["instance", link.xcom_key] = "https://app.iqm.com/#/campaign/5"
    assert link.get_link(None, ti_key="instance") == "https://app.iqm.com/#/campaign/5"


class TestReplacement:
    """The task that replaces an audience by another one."""

    @pytest.fixture
    def replace(self):
        def replace(**arguments):
            pushed = {}
            ti = MagicMock(xcom_push=lambda key, value: pushed.update({key: value}))
            result = ReplaceAudienceOperator(task_id="replace", **arguments).execute({"ti": ti})
            return SimpleNamespace(result=result, pushed=pushed)

        return replace

    def test_an_audience_is_replaced_and_a_cleared_task_changes_nothing(self, replace, local_iqm, add_audience):
        old, new = add_audience(), add_audience()
        ids = [local_iqm.add_campaign(included=[old]), local_iqm.add_campaign(included=[old])]
        arguments = {"old_audience_id": str(old), "new_audience_id": new, "campaign_ids": str(ids)}
        done = replace(**arguments)
        assert (done.result["included"], done.result["deleted"]) == (ids, [old])
        assert done.pushed["iqm_campaign_link"] == "https://app.iqm.com/#/campaign"
        assert targets(local_iqm) == dict.fromkeys(ids, ((new,), ()))
        assert replace(**arguments).result == done.result
        assert all(len(campaign.timeline) == 2 for campaign in local_iqm.campaigns)

    def test_without_campaigns_they_are_those_that_use_the_old_audience(
        self, replace, local_iqm, add_audience, version
    ):
        old, new = add_audience(), add_audience()
        campaign_id = local_iqm.add_campaign(excluded=[old])
        if version == "classic":
            with pytest.raises(AudienceOptionError, match="campaign_ids is missing"):
                replace(old_audience_id=old, new_audience_id=new)
            return
        done = replace(old_audience_id=old, new_audience_id=new, delete_old=False)
        assert (done.result["excluded"], done.result["deleted"]) == ([campaign_id], [])

    def test_asset_events_and_lineage_say_what_was_replaced(self, local_iqm, add_audience):
        asset, other = matched_audience_asset("VIP"), Asset(uri="s3://bucket/key")
        old, new = add_audience("VIP 1"), add_audience("VIP 2")
        campaign_id = local_iqm.add_campaign(included=[old])
        events = {asset: SimpleNamespace(extra={})}
        task = ReplaceAudienceOperator(
            task_id="replace",
            old_audience_id=old,
            new_audience_id=new,
            campaign_ids=[campaign_id],
            outlets=[asset, other],
        )
        done = task.execute({"ti": MagicMock(), "outlet_events": events})
        described = events[asset].extra
        assert {key: described[key] for key in ("audience_id", "audience_name", "status", "replaced")} == {
            "audience_id": new,
            "audience_name": "VIP 2",
            "status": "Ready",
            "replaced": [old],
        }
        (output,) = task.lineage_outputs
        assert (output.name, output.version, output.replacement) == ("VIP 2", new, done)

    @pytest.mark.parametrize("broken", ["xcom", "outlets"])
    def test_failed_reporting_only_logs_a_warning(self, local_iqm, add_audience, broken):
        old, new = add_audience(), add_audience()
        ti = MagicMock(xcom_push=MagicMock(side_effect=ConnectionError if broken == "xcom" else None))
        task = ReplaceAudienceOperator(
            task_id="replace",
            old_audience_id=old,
            new_audience_id=new,
            campaign_ids=[local_iqm.add_campaign(included=[old])],
            outlets=[matched_audience_asset("VIP")],
        )
        # Without outlet_events, as for an error of Airflow's.
        assert task.execute({"ti": ti})["deleted"] == [old]

    @pytest.mark.parametrize("given", [None, "x", [7], 0])
    def test_bad_ids_cost_no_request(self, replace, local_iqm, given):
        for arguments in (
            {"old_audience_id": given, "new_audience_id": 7},
            {"old_audience_id": 7, "new_audience_id": given},
        ):
            with pytest.raises(IQMFinalError, match="audience_id"):
                replace(**arguments)
        assert local_iqm.requests == []

    def test_what_the_docstring_says_is_templated_is(self):
        text = ReplaceAudienceOperator.__doc__
        for name in ("old_audience_id", "new_audience_id", "campaign_ids", "iqm_conn_id"):
            assert name in ReplaceAudienceOperator.template_fields
            assert f":param {name}: " in text

    def test_the_log_says_what_was_done(self, caplog):
        caplog.set_level("INFO")
        done = {
            "old_audience_ids": [1],
            "new_audience_id": 2,
            "included": [5],
            "excluded": [6],
            "deleted": [1],
            "in_use": [3],
        }
        log_replacement(logging.getLogger("task"), done)
        assert [record.getMessage() for record in caplog.records] == [
            "Verified: 2 campaigns use audience 2 instead of 1; deleted 1",
            "Not deleted, because campaigns still use it: audience 3",
        ]
