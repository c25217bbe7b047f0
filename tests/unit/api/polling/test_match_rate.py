from __future__ import annotations

import pytest

from airflow_provider_iqm.api.polling.match_rate import MatchRateGate
from airflow_provider_iqm.exceptions import AudienceOptionError


def audience(match_rate, *, audience_id=8, name="Customers"):
    more = {"uniques": None, "records": None, "data_cost": None}
    return {"id": audience_id, "name": name, "status": "Ready", "match_rate": match_rate, **more}


def before(match_rate, *, audience_id=7, name="Customers"):
    return audience(match_rate, audience_id=audience_id, name=name)


PASSES = {
    "no limit": ({}, [audience(None)], []),
    "just enough": ({"min_match_rate": 40}, [audience(40.0)], []),
    "nothing to compare with": ({"max_match_rate_drop": 5}, [audience(1.0)], []),
    "the earlier rate is not known": ({"max_match_rate_drop": 5}, [audience(1.0)], [before(None)]),
    "a rise": ({"max_match_rate_drop": 0}, [audience(60.0)], [before(50.0)]),
    "a small fall": ({"max_match_rate_drop": 5}, [audience(45.0)], [before(50.0)]),
    "the same audience again": ({"max_match_rate_drop": 5}, [audience(20.0)], [before(60.0, audience_id=8)]),
    "another audience of several has more": (
        {"max_match_rate_drop": 5},
        [audience(20.0, name="MA"), audience(60.0, name="NJ")],
        [before(60.0, name="NJ"), before(20.0, name="MA")],
    ),
}


@pytest.mark.parametrize("case", PASSES)
def test_good_rates_pass(case):
    limits, ready, earlier = PASSES[case]
    assert not MatchRateGate(**limits).check(ready, earlier).problems


FAILS = {
    "too low": ({"min_match_rate": 40}, [audience(39.99)], [], ["39.99 %", "40 %"]),
    "unknown": ({"min_match_rate": 0}, [audience(None)], [], ["didn't report"]),
    "unknown after a known one": ({"max_match_rate_drop": 5}, [audience(None)], [before(50.0)], ["didn't report"]),
    "a fall": (
        {"max_match_rate_drop": 5},
        [audience(44.9)],
        [before(50.0)],
        ["44.90 %", "50.00 %", "5.10", "audience 7"],
    ),
    "a fall under another name": (
        {"max_match_rate_drop": 5},
        [audience(10.0, name="Customers 2026-01-02")],
        [before(50.0, name="Customers 2026-01-01")],
        ["10.00 %", "50.00 %"],
    ),
    "one of several": (
        {"max_match_rate_drop": 5},
        [audience(60.0, name="NJ"), audience(10.0, audience_id=9, name="MA")],
        [before(20.0, name="MA"), before(60.0, name="NJ")],
        ['Audience 9 "MA"'],
    ),
}


@pytest.mark.parametrize("case", FAILS)
def test_low_rates_fail_with_advice(case):
    limits, ready, earlier, said = FAILS[case]
    message = MatchRateGate(**limits).check(ready, earlier).message
    for words in [*said, "upstream"]:
        assert words in message
    if case == "one of several":
        assert "NJ" not in message


@pytest.mark.parametrize(
    "limits",
    [
        {"min_match_rate": 101},
        {"min_match_rate": -1},
        {"min_match_rate": "40"},
        {"max_match_rate_drop": float("nan")},
        {"on_low_match_rate": "skip"},
    ],
)
def test_invalid_limits_are_rejected(limits):
    with pytest.raises(AudienceOptionError, match=next(iter(limits))):
        MatchRateGate(**limits)
