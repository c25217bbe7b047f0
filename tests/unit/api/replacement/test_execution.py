"""Changing the campaigns, and deleting the replaced audience."""

from __future__ import annotations

import json

import pytest

from airflow_provider_iqm.api.replacement.execution import execute_plan, replace_audience
from airflow_provider_iqm.api.replacement.plan import plan_replacement
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    CampaignTargetingError,
    IQMError,
    IQMFinalError,
    IQMRequestError,
)
from tests.unit.api.replacement.responses import (
    AFTER,
    BEFORE,
    DELETED,
    KEPT,
    NEW,
    NOT_FOUND,
    OLD,
    counts,
    plan_classic,
    status,
    uses,
)
from tests.unit.api.test_campaigns import api, drive, good, row
from tests.unit.api.test_targeting import SAVED, failing, named


def test_a_replacement_takes_four_requests_after_the_check_of_the_new_audience():
    done, requests = drive(replace_audience(api(), OLD, NEW), status(NEW), BEFORE, SAVED, AFTER, DELETED)
    assert [request.method for request in requests] == ["GET", "POST", "POST", "POST", "DELETE"]
    change = {"includedAudienceList": [NEW], "excludedAudienceList": [], "removedAudienceList": [OLD]}
    excluded = {"includedAudienceList": [], "excludedAudienceList": [NEW], "removedAudienceList": [OLD]}
    assert json.loads(requests[2].body) == {"5": change, "6": change, "7": excluded}
    assert done == {
        "old_audience_ids": [OLD],
        "new_audience_id": NEW,
        "included": [5, 6],
        "excluded": [7],
        "deleted": [OLD],
        "in_use": [],
    }


def test_completed_steps_are_not_repeated():
    # Killed after the change: only the deletion is left.
    done, requests = drive(replace_audience(api(), OLD, NEW), status(NEW), AFTER, DELETED)
    assert len(requests) == 3
    assert (done["included"], done["excluded"], done["deleted"]) == ([5, 6], [7], [OLD])
    # Killed after the deletion.
    left = uses(row(NEW, [5, 6], [7]))
    done, _ = drive(replace_audience(api(), OLD, NEW), status(NEW), left, NOT_FOUND)
    assert (done["included"], done["deleted"]) == ([5, 6], [OLD])


def test_a_missing_old_audience_is_an_error_unless_it_was_replaced():
    with pytest.raises(AudienceNotFoundError, match="no audience 1"):
        drive(replace_audience(api(), OLD, NEW), status(NEW), uses(row(NEW)), NOT_FOUND)
    made, _ = drive(plan_replacement(api(), [OLD], NEW, may_be_deleted=True), uses(row(NEW)), NOT_FOUND)
    assert (made.changes, made.done) == ({}, {})


def test_the_new_audience_must_be_ready():
    with pytest.raises(IQMFinalError, match=r"Audience 2 is Pending.*Nothing was changed"):
        drive(replace_audience(api(), OLD, NEW), status(NEW, 2))


def test_only_given_campaigns_are_changed():
    made, _ = drive(plan_replacement(api(), [OLD], NEW, [7]), BEFORE)
    assert made.changes == {7: "excluded"}
    after = uses(row(OLD, [5, 6]), row(NEW, [], [7]))
    done, _ = drive(execute_plan(api(), made, [OLD]), SAVED, after)
    assert (done["deleted"], done["in_use"]) == ([], [OLD])


def test_without_an_old_audience_the_new_one_is_added():
    made, _ = drive(plan_replacement(api(), [], NEW, [5]), uses(row(NEW)))
    done, (request, _) = drive(execute_plan(api(), made), SAVED, uses(row(NEW, [5])))
    assert json.loads(request.body)["5"]["removedAudienceList"] == []
    assert done["included"] == [5]


def test_a_campaign_with_two_roles_is_unchanged_and_fails_the_replacement():
    before = uses(row(OLD, [5, 6, 7], [5]), row(NEW, excluded=[6]))
    made, _ = drive(plan_replacement(api(), [OLD], NEW), before)
    assert made.changes == {7: "included"}
    after = uses(row(OLD, [5, 6], [5]), row(NEW, [7], [6]))
    with pytest.raises(
        CampaignTargetingError,
        match=r"2 of 3 campaigns not changed.*Nothing was deleted: they may still use",
    ) as error:
        drive(execute_plan(api(), made, [OLD]), SAVED, after, named(5, 6))
    assert (error.value.changed, list(error.value.failed)) == ([7], [5, 6])


def test_the_old_audience_of_failed_campaigns_is_not_deleted():
    after = uses(row(OLD, [6]), row(NEW, [5], [7]))
    made, _ = drive(plan_replacement(api(), [OLD], NEW), BEFORE)
    with pytest.raises(CampaignTargetingError, match="Nothing was deleted: they may still use audience 1") as error:
        drive(execute_plan(api(), made, [OLD]), failing(**{"6": "Full."}), after, named(6))
    assert error.value.changed == [5, 7]


def test_a_deletion_with_a_lost_response_is_no_failure():
    made, _ = drive(plan_replacement(api(), [OLD], NEW), AFTER)
    assert drive(execute_plan(api(), made, [OLD]), KEPT, NOT_FOUND)[0]["deleted"] == [OLD]
    assert drive(execute_plan(api(), made, [OLD]), KEPT, status(OLD, 5), good([{"id": 5, "name": "deleted"}]))
    with pytest.raises(IQMRequestError, match="deleted none"):
        drive(execute_plan(api(), made, [OLD]), KEPT, status(OLD))


@pytest.mark.parametrize("count", ["runningCampaignCount", "pausedCampaignCount", "expiredCampaignCount"])
def test_campaign_counts_prevent_deletion(count):
    made, _ = drive(plan_replacement(api(), [OLD], NEW), uses(row(OLD, **{count: 1}), row(NEW, [5])))
    assert drive(execute_plan(api(), made, [OLD]))[0]["in_use"] == [OLD]


def test_campaigns_of_earlier_incomplete_replacements_are_changed():
    before = uses(row(OLD, [5]), row(8, [6]), row(9), row(NEW))
    made, _ = drive(plan_replacement(api(), [OLD, 8, 9], NEW), before)
    after = uses(row(OLD), row(8), row(9), row(NEW, [5, 6]))
    deleted = good({"successfulAudienceIds": [8, 9], "failedAudienceIds": []})
    done, requests = drive(execute_plan(api(), made, [8, 9]), SAVED, after, deleted)
    change = json.loads(requests[0].body)
    assert [change[key]["removedAudienceList"] for key in ("5", "6")] == [[OLD], [8]]
    assert (done["included"], done["deleted"]) == ([5, 6], [8, 9])


class TestClassic:
    """The classic API only counts the campaigns of an audience."""

    def test_deletion_depends_on_the_counts(self):
        made = plan_classic(counts(OLD, 2), counts(NEW))
        done, _ = drive(execute_plan(api("classic"), made, [OLD]), SAVED, counts(OLD, 1), counts(NEW, 2))
        assert (done["deleted"], done["in_use"]) == ([], [OLD])
        deleted = good({"audienceSuccessfulIds": [OLD], "audienceFailedIds": []})
        done, _ = drive(execute_plan(api("classic"), made, [OLD]), SAVED, counts(OLD), counts(NEW, 2), deleted)
        assert done["deleted"] == [OLD]

    def test_nothing_is_deleted_if_no_campaign_uses_the_new_audience(self):
        made = plan_classic(counts(OLD, 2), counts(NEW))
        answers = SAVED, counts(OLD), counts(NEW), SAVED
        with pytest.raises(IQMError, match="No campaign uses audience 2, although") as error:
            drive(execute_plan(api("classic"), made, [OLD]), *answers)
        assert not isinstance(error.value, IQMFinalError)
