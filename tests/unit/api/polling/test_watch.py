from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_iqm.api.polling.watch import AudienceWatch, PollFailed, StatusChanged, StatusCountsChanged
from airflow_provider_iqm.api.status import read_status
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMServerError
from airflow_provider_iqm.vocabulary import AudienceStatus


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
def test_statuses_are_case_insensitive(word, status):
    assert read_status(word) == status


@pytest.mark.parametrize("status", ["Processing", "Pending", "Fetching Data", "Data Fetched", "Brand new", ""])
def test_only_ready_is_ready(status):
    watch = AudienceWatch([7])
    watch.update(audience(status=status))
    assert watch.pending == [7]
    assert watch.ready == []


@pytest.mark.parametrize("status", ["Failed", "Rejected", "Deleted"])
def test_a_failed_audience_is_named_with_iqm_s_reason(status):
    with pytest.raises(AudienceFailedError) as raised:
        AudienceWatch([7]).update(audience(status=status, reason="Too small."))
    for words in ("7", "List", status, "Too small."):
        assert words in str(raised.value)


def test_each_status_change_is_an_event():
    watch = AudienceWatch([7])
    for status in ("Processing", "Processing", "Odd", "Odd", "Ready"):
        watch.update(audience(status=status))
    watch.end_poll()
    changed = ("Processing", "Odd", "Ready")
    assert watch.take_events() == [StatusChanged(audience(status=status)) for status in changed]
    assert watch.take_events() == []


def test_changed_counts_of_many_audiences_are_an_event():
    watch = AudienceWatch(range(1, 13))
    for audience_id in (1, 2, 3):
        watch.update(audience(audience_id, status="Ready" if audience_id == 3 else "Processing"))
    watch.end_poll()
    watch.end_poll()
    assert watch.take_events() == [StatusCountsChanged({"Processing": 2, "Ready": 1}, 12)]


def test_a_failed_poll_is_an_event():
    watch = AudienceWatch([7])
    error = IQMServerError("IQM is down.", status=500)
    watch.end_poll(error)
    assert watch.take_events() == [PollFailed(error)]


def test_results_are_in_the_requested_order():
    watch = AudienceWatch([2, 1, 2])
    watch.update(audience(1))
    assert watch.pending == [2]
    watch.update(audience(2))
    assert [item["id"] for item in watch.ready] == [2, 1, 2]
    assert "file_names" not in watch.ready[0]


@pytest.mark.parametrize(
    ("ids", "label"), [([7], "audience 7"), ([7, 8, 7], "audiences 7, 8"), (range(1, 1001), "1,000 audiences")]
)
def test_the_label_of_the_audiences_is_short(ids, label):
    assert AudienceWatch(ids).label == label


def test_a_status_that_is_known_is_no_event():
    watch = AudienceWatch([7, 8], known_status=AudienceStatus.PROCESSING)
    watch.update(audience(status="Processing"))
    watch.update(audience(8, status="Pending"))
    watch.end_poll()
    assert watch.take_events() == [StatusChanged(audience(8, status="Pending"))]
    watch.update(audience(status="Pending"))
    watch.update(audience(status="Processing"))
    assert len(watch.take_events()) == 2
    # The counts of many audiences are those that IQM has told.
    many = AudienceWatch(range(1, 13), known_status=AudienceStatus.PROCESSING)
    many.update(audience(1, status="Processing"))
    many.end_poll()
    assert many.take_events() == [StatusCountsChanged(Counter({"Processing": 1}), 12)]
