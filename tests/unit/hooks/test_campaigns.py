"""Campaigns by the hook, sync and async, against a local IQM."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    AudienceOptionError,
    CampaignTargetingError,
    IQMFinalError,
)
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook


class Sync:
    def __getattr__(self, name):
        return getattr(IQMHook(), name)


class Async:
    def __getattr__(self, name):
        return lambda *args, **kwargs: asyncio.run(getattr(IQMAsyncHook(), name)(*args, **kwargs))


@pytest.fixture(params=[Sync, Async])
def hook(request, local_iqm):
    local_iqm.connect(api_version="v3")
    return request.param()


def test_campaigns_of_audiences(hook, local_iqm, add_audience):
    first, second = add_audience(), add_audience()
    including = [local_iqm.add_campaign(included=[first]), local_iqm.add_campaign(included=[first], status="expired")]
    excluding = local_iqm.add_campaign(excluded=[first])
    (one,) = hook.get_audience_campaigns([first])
    assert (one["included"], one["excluded"], one["running"]) == (including, [excluding], None)
    two = hook.get_audience_campaigns([second, first])
    assert [each["audience_id"] for each in two] == [second, first]
    assert (two[0]["included"], two[0]["excluded"], two[0]["running"]) == ([], [], 0)
    assert (two[1]["included"], two[1]["excluded"]) == (including, [excluding])
    assert (two[1]["running"], two[1]["paused"], two[1]["expired"]) == (2, 0, 1)
    details, listing = [path for path in local_iqm.paths() if "/audience/" in path]
    assert (details, listing) == (f"/api/v3/audience/matched/{first}", "/api/v3/audience/list")


def test_an_audience_that_is_listed_late_is_not_treated_as_unused(hook, local_iqm, add_audience):
    first, second = add_audience(), add_audience()
    campaign_id = local_iqm.add_campaign(excluded=[second])
    local_iqm.change_settings(list_delay_seconds=100)
    assert [each["excluded"] for each in hook.get_audience_campaigns([first, second])] == [[], [campaign_id]]


def test_an_unknown_audience(hook, add_audience):
    with pytest.raises(AudienceNotFoundError, match="audience 99"):
        hook.get_audience_campaigns([add_audience(), 99])


def test_names_of_campaigns(hook, local_iqm):
    ids = [local_iqm.add_campaign("Summer"), local_iqm.add_campaign("Winter", status="paused")]
    assert hook.get_campaigns([*reversed(ids), 7]) == [
        {"id": ids[1], "name": "Winter", "status": "paused"},
        {"id": ids[0], "name": "Summer", "status": "running"},
    ]


def test_more_campaigns_than_a_page(hook, local_iqm):
    ids = [local_iqm.add_campaign(f"C{number}") for number in range(501)]
    assert [campaign["id"] for campaign in hook.get_campaigns(ids)] == ids
    assert local_iqm.paths().count("/api/v3/cmp/basic/list") == 2


def test_targets_are_changed(hook, local_iqm, add_audience):
    old, new = add_audience(), add_audience()
    ids = [local_iqm.add_campaign(included=[old]), local_iqm.add_campaign(pg=True)]
    with pytest.raises(CampaignTargetingError) as raised:
        hook.target_audience(ids, include=[new], remove=[old])
    assert (raised.value.changed, list(raised.value.failed)) == (ids[:1], ids[1:])
    assert hook.target_audience(ids[:1], exclude=[new]) == ids[:1]
    assert (local_iqm.campaigns[0].included, local_iqm.campaigns[0].excluded) == ((), (new,))


def test_classic_connections_cannot_list_campaigns(hook, local_iqm, add_audience):
    local_iqm.connect(api_version="classic")
    with pytest.raises(AudienceOptionError, match="requires v3"):
        hook.get_audience_campaigns([add_audience()])
    campaign_id = local_iqm.add_campaign("Summer")
    assert hook.get_campaigns([campaign_id])[0]["name"] == "Summer"
    assert hook.target_audience([campaign_id], include=[add_audience()]) == [campaign_id]


@pytest.mark.parametrize("version", ["classic", "v3"])
def test_an_audience_in_use_is_not_deleted(local_iqm, add_audience, version):
    local_iqm.connect(api_version=version)
    used, unused = add_audience(), add_audience()
    local_iqm.add_campaign(included=[used])
    assert IQMHook().delete_audiences([used, unused]) == {"deleted": [unused], "failed": [used]}
    if version == "v3":
        with pytest.raises(IQMFinalError, match="none of the audiences"):
            IQMHook().delete_audiences([used])


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("v3", {"successfulAudienceIds": [1]}),
        ("v3", {"successfulAudienceIds": [1, 2], "failedAudienceIds": [2]}),
        ("classic", {"audienceSuccessfulIds": "1"}),
        ("classic", {"audienceSuccessfulIds": [1, 2], "audienceFailedIds": "2"}),
    ],
)
def test_an_audience_not_reported_as_deleted_counts_as_failed(local_iqm, version, told):
    local_iqm.connect(api_version=version)
    path = {"v3": "/api/v3/audience", "classic": "/api/v2/audience/delete"}[version]
    local_iqm.add_fault("status", path=path, status=200, body={"success": True, "data": told})
    assert IQMHook().delete_audiences([1, 2, 1]) == {"deleted": [1], "failed": [2]}
