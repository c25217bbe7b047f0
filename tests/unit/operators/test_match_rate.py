from __future__ import annotations

import logging

import pytest

from airflow_provider_iqm.api.polling.match_rate import MatchRateGate
from airflow_provider_iqm.exceptions import LowMatchRateError
from airflow_provider_iqm.operators.match_rate import check_match_rates

LOG = logging.getLogger(__name__)


def audience(match_rate, audience_id=8):
    more = {"status": "Ready", "uniques": None, "records": None, "data_cost": None}
    return {"id": audience_id, "name": "Customers", "match_rate": match_rate, **more}


def test_a_low_rate_fails():
    with pytest.raises(LowMatchRateError, match=r"10\.00 %"):
        check_match_rates(MatchRateGate(min_match_rate=40), [audience(10.0)], [], LOG)


def test_a_low_rate_can_be_only_a_warning(caplog):
    gate = MatchRateGate(min_match_rate=40, on_low_match_rate="warn")
    check_match_rates(gate, [audience(10.0)], [], LOG)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "10.00 %" in caplog.text


@pytest.mark.parametrize(
    ("previous", "text"), [([], "no previous one"), ([audience(50.0, 7)], "previous audience 7 had 50.00 %")]
)
def test_a_comparison_is_logged(caplog, previous, text):
    caplog.set_level(logging.INFO)
    check_match_rates(MatchRateGate(max_match_rate_drop=5), [audience(48.0)], previous, LOG)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert text in caplog.text
