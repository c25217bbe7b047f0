from __future__ import annotations

import logging

import pytest

from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMServerError
from airflow_provider_iqm.hooks import poll_log
from airflow_provider_iqm.hooks.poll_log import log_poll_events

LOG = logging.getLogger("test")


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


def audience(audience_id=7, status="Ready", users=1234):
    more = {"match_rate": 57.88, "uniques": users, "records": 10, "data_cost": 1.5, "created": None}
    return {"id": audience_id, "name": "List", "status": status, **more, "reason": None, "file_names": []}


def test_each_status_change_is_a_line(lines):
    watch = AudienceWatch([7])
    with log_poll_events(LOG, watch):
        for status in ("Processing", "Processing", "Odd", "Ready"):
            watch.update(audience(status=status))
    assert lines() == [
        ("INFO", 'Audience 7 "List" is Processing'),
        ("WARNING", 'Audience 7 "List" has the undocumented status "Odd"; still waiting'),
        ("INFO", 'Audience 7 "List" is Ready: match rate 57.88 %, reach 1,234 users'),
    ]


def test_the_counts_of_many_audiences_are_a_line(lines):
    watch = AudienceWatch(range(1, 13))
    with log_poll_events(LOG, watch):
        for audience_id, status in enumerate(("Ready", "Processing", "Processing"), 1):
            watch.update(audience(audience_id, status=status))
        watch.end_poll()
    assert lines() == [("INFO", "Of 12 audiences: 2 Processing, 1 Ready, 9 not listed yet")]


def test_a_poll_that_fails_is_a_warning(lines):
    watch = AudienceWatch([7])
    with log_poll_events(LOG, watch):
        watch.end_poll(IQMServerError("IQM is down.", status=500))
    assert lines() == [("WARNING", "IQM is down. The next poll retries.")]


def test_events_before_an_error_are_logged(lines):
    watch = AudienceWatch([7])
    with pytest.raises(AudienceFailedError), log_poll_events(LOG, watch):
        watch.update(audience(status="Rejected"))
    assert lines() == [("INFO", 'Audience 7 "List" is Rejected')]


@pytest.mark.parametrize(("users", "text"), [(1, "reach 1 user"), (0, "reach 0 users"), (None, "reach unknown")])
def test_singular_and_plural(lines, users, text):
    watch = AudienceWatch([7])
    with log_poll_events(LOG, watch):
        watch.update(audience(users=users))
    assert lines()[-1][1].endswith(text)


def test_the_time_until_an_audience_is_ready_is_measured_once(monkeypatch):
    seconds = []
    monkeypatch.setattr(poll_log, "report_time_to_ready", seconds.append)
    monkeypatch.setattr(poll_log.time, "time", lambda: 1000.0)
    watch = AudienceWatch(range(20))
    for _ in range(2):
        with log_poll_events(LOG, watch):
            for number, created in ((1, 400.0), (2, None), (3, 1001.0)):
                watch.update({**audience(number), "created": created})
            watch.update({**audience(4, status="Processing"), "created": 1.0})
    assert seconds == [600.0, 0.0]
