"""Verifying the changes of a replacement."""

from __future__ import annotations

import json

import pytest

from airflow_provider_iqm.api.replacement.execution import execute_plan
from airflow_provider_iqm.api.replacement.plan import plan_replacement
from airflow_provider_iqm.exceptions import (
    IQMError,
    IQMFinalError,
)
from tests.unit.api.replacement.responses import (
    AFTER,
    BEFORE,
    DELETED,
    NEW,
    OLD,
    uses,
)
from tests.unit.api.test_campaigns import api, drive, row
from tests.unit.api.test_targeting import SAVED, failing


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
