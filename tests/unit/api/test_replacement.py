"""How an audience is replaced by another one: what is asked, changed, verified and deleted."""

from __future__ import annotations

import json

import pytest

from airflow_provider_iqm.api.replacement import execute_plan, plan_replacement, replace_audience
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    AudienceOptionError,
    CampaignTargetingError,
    IQMError,
    IQMFinalError,
    IQMRequestError,
)
from tests.unit.api.test_campaigns import api, details, drive, good, row
from tests.unit.api.test_targeting import SAVED, failing, named

OLD, NEW = 1, 2
NOT_FOUND = 404, {"success": False, "errorObjects": [{"error": "Audience not found."}]}
DELETED = good({"successfulAudienceIds": [OLD], "failedAudienceIds": []})
KEPT = good({"successfulAudienceIds": [], "failedAudienceIds": [OLD]})


def status(audience_id, status_id=3):
    return good({"audienceId": audience_id, "audienceName": "VIP", "audienceStatusId": status_id})


def uses(*rows):
    return good({"audienceList": list(rows)})


BEFORE = uses(row(OLD, [5, 6], [7]), row(NEW))
AFTER = uses(row(OLD), row(NEW, [5, 6], [7]))


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


def test_the_details_of_an_unlisted_new_audience_are_requested():
    made, requests = drive(plan_replacement(api(), [OLD], NEW), uses(row(OLD, [5])), good(details(NEW)))
    assert made.changes == {5: "included"}
    assert requests[1].path.endswith("/2")


def test_the_new_audience_must_be_ready():
    with pytest.raises(IQMFinalError, match=r"Audience 2 is Pending.*Nothing was changed"):
        drive(replace_audience(api(), OLD, NEW), status(NEW, 2))


def test_only_given_campaigns_are_changed():
    made, _ = drive(plan_replacement(api(), [OLD], NEW, [7]), BEFORE)
    assert made.changes == {7: "excluded"}
    after = uses(row(OLD, [5, 6]), row(NEW, [], [7]))
    done, _ = drive(execute_plan(api(), made, [OLD]), SAVED, after)
    assert (done["deleted"], done["in_use"]) == ([], [OLD])


@pytest.mark.parametrize(
    ("answer", "role"),
    [
        (uses(row(OLD, [], [7]), row(NEW)), "excluded"),
        # A change that was cut off.
        (uses(row(OLD), row(NEW, [], [7])), "excluded"),
        (uses(row(OLD, [5]), row(NEW)), "included"),
        (uses(row(OLD), row(NEW)), "included"),
    ],
)
def test_a_campaign_without_the_old_audience_gets_the_role_in_other_campaigns(answer, role):
    made, _ = drive(plan_replacement(api(), [OLD], NEW, [7, 9]), answer)
    assert made.campaigns[9] == role


def test_the_role_of_a_campaign_without_the_old_audience_is_not_guessed():
    with pytest.raises(AudienceOptionError, match=r"Campaign 9 in campaign_ids doesn't use audiences 1, 2\. Some"):
        drive(plan_replacement(api(), [OLD], NEW, [7, 9]), BEFORE)


def test_without_an_old_audience_the_new_one_is_added():
    made, _ = drive(plan_replacement(api(), [], NEW, [5]), uses(row(NEW)))
    done, (request, _) = drive(execute_plan(api(), made), SAVED, uses(row(NEW, [5])))
    assert json.loads(request.body)["5"]["removedAudienceList"] == []
    assert done["included"] == [5]


def test_an_audience_cannot_replace_itself():
    with pytest.raises(AudienceOptionError, match="can't replace itself"):
        drive(plan_replacement(api(), [NEW], NEW))


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


def test_failures_of_a_repeated_request_are_corrected_by_the_verification():
    made, _ = drive(plan_replacement(api(), [OLD], NEW), BEFORE)
    done, _ = drive(execute_plan(api(), made, [OLD]), failing(**{"6": "Not targeted."}), AFTER, DELETED)
    assert (done["included"], done["deleted"]) == ([5, 6], [OLD])


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (uses(row(OLD, [6]), row(NEW, [5, 6], [7])), "6 still target audience 1"),
        (uses(row(OLD, [6]), row(NEW, [5], [7])), "6 still target audience 1"),
        (uses(row(OLD), row(NEW, [5, 6, 7], [7])), "7 still target"),
        (uses(row(OLD, [8]), row(NEW, [5, 6], [7])), "8 started to use audience 1"),
    ],
)
def test_a_failed_verification_is_retryable(after, words):
    made, _ = drive(plan_replacement(api(), [OLD], NEW), BEFORE)
    with pytest.raises(IQMError, match=words) as error:
        drive(execute_plan(api(), made, [OLD]), SAVED, after)
    assert not isinstance(error.value, IQMFinalError)


@pytest.mark.parametrize("answer", [SAVED, failing(**{"6": "Full."})])
def test_a_campaign_that_targets_neither_audience_is_changed_again(answer):
    made, _ = drive(plan_replacement(api(), [OLD], NEW), BEFORE)
    answers = iter([answer, uses(row(OLD), row(NEW, [5], [7])), SAVED])
    sent = []

    def drive_and_record(exchange):
        request = next(exchange)
        while True:
            sent.append(request)
            _, document = next(answers)
            request = exchange.send(document["data"])

    with pytest.raises(IQMError, match="6 don't target audience 2"):
        drive_and_record(execute_plan(api(), made, [OLD]))
    assert json.loads(sent[-1].body) == {
        "6": {"includedAudienceList": [NEW], "excludedAudienceList": [], "removedAudienceList": [OLD]}
    }


def test_the_plan_of_an_earlier_try_is_completed():
    # Between two tries a campaign has lost both.
    made, _ = drive(
        plan_replacement(api(), [OLD], NEW, planned={5: "included", 7: "excluded"}), uses(row(OLD), row(NEW, [5]))
    )
    assert (made.changes, made.done) == ({7: "excluded"}, {5: "included"})


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

    @staticmethod
    def counts(audience_id, included=0, excluded=0):
        counts = {"included": included, "excluded": excluded}
        return good({"id": audience_id, "audienceName": "VIP", "status": "ready", **counts})

    def plan(self, old, new, ids=(5, 6)):
        return drive(plan_replacement(api("classic"), [OLD], NEW, ids), old, new)[0]

    def test_campaign_ids_are_required(self):
        with pytest.raises(AudienceOptionError, match="campaign_ids is missing"):
            self.plan(self.counts(OLD, 1), self.counts(NEW), None)

    @pytest.mark.parametrize(
        ("old", "new", "role"),
        [
            ({"included": 2}, {}, "included"),
            ({"excluded": 2}, {}, "excluded"),
            # A retry after the change.
            ({}, {"excluded": 2}, "excluded"),
            ({}, {}, "included"),
        ],
    )
    def test_the_role_is_that_of_the_old_audience(self, old, new, role):
        assert self.plan(self.counts(OLD, **old), self.counts(NEW, **new)).changes == {5: role, 6: role}

    def test_two_roles_are_ambiguous(self):
        with pytest.raises(AudienceOptionError, match="doesn't report which"):
            self.plan(self.counts(OLD, 1, 1), self.counts(NEW))

    def test_deletion_depends_on_the_counts(self):
        made = self.plan(self.counts(OLD, 2), self.counts(NEW))
        done, _ = drive(execute_plan(api("classic"), made, [OLD]), SAVED, self.counts(OLD, 1), self.counts(NEW, 2))
        assert (done["deleted"], done["in_use"]) == ([], [OLD])
        deleted = good({"audienceSuccessfulIds": [OLD], "audienceFailedIds": []})
        done, _ = drive(
            execute_plan(api("classic"), made, [OLD]), SAVED, self.counts(OLD), self.counts(NEW, 2), deleted
        )
        assert done["deleted"] == [OLD]

    def test_nothing_is_deleted_if_no_campaign_uses_the_new_audience(self):
        made = self.plan(self.counts(OLD, 2), self.counts(NEW))
        answers = SAVED, self.counts(OLD), self.counts(NEW), SAVED
        with pytest.raises(IQMError, match="No campaign uses audience 2, although") as error:
            drive(execute_plan(api("classic"), made, [OLD]), *answers)
        assert not isinstance(error.value, IQMFinalError)

    @pytest.mark.parametrize(
        "answer", [NOT_FOUND, good({"id": OLD, "status": "deleted", "included": 0, "excluded": 0})]
    )
    def test_nothing_is_changed_if_the_old_audience_was_deleted(self, answer):
        made = self.plan(answer, self.counts(NEW, 2))
        assert (made.changes, made.done) == ({}, {5: "included", 6: "included"})
