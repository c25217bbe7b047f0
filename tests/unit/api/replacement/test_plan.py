"""Which campaigns a replacement changes, and how."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.api.replacement.plan import plan_replacement
from airflow_provider_iqm.exceptions import (
    AudienceOptionError,
)
from tests.unit.api.replacement.responses import (
    BEFORE,
    NEW,
    NOT_FOUND,
    OLD,
    counts,
    plan_classic,
    uses,
)
from tests.unit.api.test_campaigns import api, details, drive, good, row


def test_the_details_of_an_unlisted_new_audience_are_requested():
    made, requests = drive(plan_replacement(api(), [OLD], NEW), uses(row(OLD, [5])), good(details(NEW)))
    assert made.changes == {5: "included"}
    assert requests[1].path.endswith("/2")


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


def test_an_audience_cannot_replace_itself():
    with pytest.raises(AudienceOptionError, match="can't replace itself"):
        drive(plan_replacement(api(), [NEW], NEW))


def test_the_plan_of_an_earlier_try_is_completed():
    # Between two tries a campaign has lost both.
    made, _ = drive(
        plan_replacement(api(), [OLD], NEW, planned={5: "included", 7: "excluded"}), uses(row(OLD), row(NEW, [5]))
    )
    assert (made.changes, made.done) == ({7: "excluded"}, {5: "included"})


class TestClassic:
    """The classic API only counts the campaigns of an audience."""

    def test_campaign_ids_are_required(self):
        with pytest.raises(AudienceOptionError, match="campaign_ids is missing"):
            plan_classic(counts(OLD, 1), counts(NEW), None)

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
        assert plan_classic(counts(OLD, **old), counts(NEW, **new)).changes == {5: role, 6: role}

    def test_two_roles_are_ambiguous(self):
        with pytest.raises(AudienceOptionError, match="doesn't report which"):
            plan_classic(counts(OLD, 1, 1), counts(NEW))

    @pytest.mark.parametrize(
        "answer", [NOT_FOUND, good({"id": OLD, "status": "deleted", "included": 0, "excluded": 0})]
    )
    def test_nothing_is_changed_if_the_old_audience_was_deleted(self, answer):
        made = plan_classic(answer, counts(NEW, 2))
        assert (made.changes, made.done) == ({}, {5: "included", 6: "included"})
