"""How the audiences of campaigns are changed."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from airflow_provider_iqm.api.dialects import API_VERSIONS
from airflow_provider_iqm.api.targeting import PG_REASON, TargetingChange, change_for_all, target, target_all
from airflow_provider_iqm.exceptions import (
    AudienceOptionError,
    CampaignTargetingError,
    IQMInvalidAnswerError,
    IQMRequestError,
    IQMServerError,
)
from tests.unit.api.test_campaigns import api, drive, good

SAVED = good({"message": "Your changes have been successfully saved."})
SWAP = TargetingChange(include=[2], remove=[1])


def failing(**failed):
    data = {"message": "Your changes have been successfully saved.", "failedCampaigns": failed}
    return 200, {"success": False, "data": data}


def pg(*ids):
    text = f"One or more campaigns are PG campaigns and cannot be used for audience targeting: {list(ids)}"
    return 422, {"success": False, "errorObjects": [{"error": text}]}


def named(*ids):
    return good({"data": [{"campaignId": each, "name": f"C{each}", "status": "running"} for each in ids]})


@pytest.mark.parametrize("version", API_VERSIONS)
def test_one_request_changes_all_campaigns(version):
    changes = {5: SWAP, 6: TargetingChange(exclude=[2], remove=[1])}
    result, (request,) = drive(target(api(version).login, changes), SAVED)
    assert result == {"changed": [5, 6], "failed": []}
    assert (request.method, request.path, request.repeatable) == ("POST", "/api/v3/cmp/target/audience", True)
    assert json.loads(request.body) == {
        "5": {"includedAudienceList": [2], "excludedAudienceList": [], "removedAudienceList": [1]},
        "6": {"includedAudienceList": [], "excludedAudienceList": [2], "removedAudienceList": [1]},
    }


def test_a_partial_success_has_http_200():
    reason = "Can not target more than 20 audiences."
    result, _ = drive(target(api().login, {5: SWAP, 6: SWAP}), failing(**{"6": reason}))
    assert result == {"changed": [5], "failed": [{"id": 6, "reason": reason}]}


def test_other_campaigns_are_changed_despite_pg_campaigns():
    result, requests = drive(target(api().login, {5: SWAP, 6: SWAP, 7: SWAP}), pg(6, 99), failing(**{"7": "Deleted"}))
    assert result["changed"] == [5]
    assert result["failed"] == [{"id": 6, "reason": PG_REASON}, {"id": 7, "reason": "Deleted"}]
    assert [sorted(json.loads(request.body)) for request in requests] == [["5", "6", "7"], ["5", "7"]]


def test_a_request_with_only_pg_campaigns_changes_nothing():
    result, requests = drive(target(api().login, {6: SWAP}), pg(6))
    assert (result["changed"], len(result["failed"]), len(requests)) == ([], 1, 1)


def test_truncated_ids_of_pg_campaigns_are_ignored():
    ids = [100_000_000 + each for each in range(80)]
    # IQM's words are kept up to a length, and the last id in them may be half of one.
    changes = dict.fromkeys([*ids, *range(1, 10), 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000], SWAP)
    answers = [pg(*ids), pg(*ids[38:]), pg(*ids[76:]), SAVED]
    result, _ = drive(target(api().login, changes), *answers)
    assert sorted(each["id"] for each in result["failed"]) == ids


@pytest.mark.parametrize("answer", [pg(), pg(99), (422, {"success": False, "errorObjects": [{"error": "No: [5]"}]})])
def test_a_refusal_without_requested_pg_campaigns_is_an_error(answer):
    with pytest.raises(IQMRequestError):
        drive(target(api().login, {5: SWAP}), answer)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"success": False, "data": {"message": "saved"}}), IQMRequestError),
        ((200, {"success": False, "data": {"failedCampaigns": {}}}), IQMRequestError),
        ((200, {"success": False}), IQMRequestError),
        ((200, {"data": {}}), IQMInvalidAnswerError),
        ((200, {"success": True, "data": {}}), IQMInvalidAnswerError),
        ((200, {"success": True}), IQMInvalidAnswerError),
        ((200, {"success": True, "data": {"message": "saved", "failedCampaigns": ["5"]}}), IQMInvalidAnswerError),
        (failing(**{"99": "x"}), IQMInvalidAnswerError),
        (failing(x="y"), IQMInvalidAnswerError),
        ((500, {"success": False, "data": {"failedCampaigns": {"5": "x"}}}), IQMServerError),
    ],
)
def test_a_response_without_results_is_no_success(answer, error):
    with pytest.raises(error):
        drive(target(api().login, {5: SWAP}), answer)


def test_failed_campaigns_in_a_successful_response_count():
    answer = good({"message": "saved", "failedCampaigns": {"5": None}})
    assert drive(target(api().login, {5: SWAP}), answer)[0]["failed"] == [{"id": 5, "reason": "IQM gave no reason"}]


def test_the_error_names_campaigns_reasons_and_what_to_do():
    with pytest.raises(CampaignTargetingError) as raised:
        drive(target_all(api().login, {5: SWAP, 6: SWAP, 7: SWAP}), failing(**{"6": "Full.", "7": "a\nb"}), named(6))
    error = raised.value
    assert str(error).startswith("2 of 3 campaigns not changed: 6 \"C6\" (running): Full; 7: 'a\\nb'.")
    assert (error.changed, error.failed) == ([5], {6: "Full.", 7: "'a\\nb'"})
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (copied.changed, copied.failed) == (error.changed, error.failed)


def test_failing_to_read_names_does_not_hide_the_failure():
    with pytest.raises(
        CampaignTargetingError,
        match=r"6: Full.*Could not read the campaigns' names: Failed to .*: IQM returned HTTP 404",
    ):
        drive(target_all(api().login, {5: SWAP, 6: SWAP}), failing(**{"6": "Full."}), (404, {"success": False}))


def test_errors_about_many_campaigns_are_short():
    changes = dict.fromkeys(range(1, 1001), SWAP)
    failed = failing(**{str(each): "Full." for each in changes})
    with pytest.raises(CampaignTargetingError, match="and 980 more") as raised:
        drive(target_all(api().login, changes), failed, named(*range(1, 21)))
    assert len(str(raised.value)) < 1500
    assert len(raised.value.failed) == 1000


def test_success_returns_the_campaign_ids():
    assert drive(target_all(api().login, {5: SWAP}), SAVED)[0] == [5]


@pytest.mark.parametrize("lists", [{}, {"include": [1], "exclude": [1]}, {"include": [1], "remove": [2, 1]}])
def test_invalid_changes(lists):
    with pytest.raises(AudienceOptionError, match=r"empty|Audience 1 is in"):
        TargetingChange(**lists)


def test_a_change_requires_campaigns():
    with pytest.raises(AudienceOptionError, match="campaign_ids"):
        change_for_all([], SWAP)
    assert change_for_all([5, 6, 5], SWAP) == {5: SWAP, 6: SWAP}
