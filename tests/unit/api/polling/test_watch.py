from __future__ import annotations

import logging

import pytest

from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.status import read_status
from airflow_provider_iqm.exceptions import AudienceFailedError

LOG = logging.getLogger("test")


def audience(audience_id=7, status="Ready", reason=None):
    return {
        "id": audience_id,
        "name": "List",
        "status": status,
        "match_rate": 57.88,
        "uniques": 1234,
        "records": 10,
        "data_cost": 1.5,
        "reason": reason,
        "file_names": ["f.csv"],
    }


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("approved", "Ready"),
        ("READY", "Ready"),
        ("fetching data", "Fetching Data"),
        ("FETCHING_DATA", "Fetching Data"),
        ("Brand new", "Brand new"),
    ],
)
def test_status_is_read_in_any_case(word, status):
    assert read_status(word) == status


@pytest.mark.parametrize("status", ["Processing", "Pending", "Fetching Data", "Data Fetched", "Brand new", ""])
def test_only_ready_is_ready(status):
    watch = AudienceWatch([7], LOG)
    watch.observe(audience(status=status))
    assert watch.pending == [7]
    assert watch.ready == []


@pytest.mark.parametrize("status", ["Failed", "Rejected", "Deleted"])
def test_a_failed_audience_is_named_with_iqm_s_reason(status):
    with pytest.raises(AudienceFailedError) as raised:
        AudienceWatch([7], LOG).observe(audience(status=status, reason="Too small."))
    for words in ("7", "List", status, "Too small."):
        assert words in str(raised.value)


def test_the_log_tells_changes_once(caplog):
    caplog.set_level(logging.INFO)
    watch = AudienceWatch([7], LOG)
    for status in ("Processing", "Processing", "Odd", "Odd", "Ready"):
        watch.observe(audience(status=status))
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    assert "57.88 %" in caplog.text
    assert "1,234 users" in caplog.text


def test_results_come_in_the_order_asked_for():
    watch = AudienceWatch([2, 1, 2], LOG)
    watch.observe(audience(1))
    assert watch.pending == [2]
    watch.observe(audience(2))
    assert [item["id"] for item in watch.ready] == [2, 1, 2]
    assert "file_names" not in watch.ready[0]


@pytest.mark.parametrize(
    ("ids", "label"), [([7], "audience 7"), ([7, 8, 7], "audiences 7, 8"), (range(1, 1001), "1,000 audiences")]
)
def test_what_is_waited_for_is_told_in_a_few_words(ids, label):
    assert AudienceWatch(ids, LOG).label == label


@pytest.mark.parametrize(("users", "text"), [(1, "reach 1 user"), (0, "reach 0 users")])
def test_one_user_is_not_users(caplog, users, text):
    caplog.set_level(logging.INFO)
    AudienceWatch([7], LOG).observe(audience() | {"uniques": users})
    assert caplog.text.rstrip().endswith(text)
