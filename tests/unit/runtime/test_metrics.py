"""Metrics that are sent with Airflow's ``Stats``."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat import sdk

from airflow_provider_iqm.runtime import metrics


@pytest.fixture
def sent(monkeypatch):
    """What was sent: method, name, value and tags."""
    calls = []

    def method(kind):
        return lambda name, value, *, tags: calls.append((kind, name, value, tags))

    stats = SimpleNamespace(**{kind: method(kind) for kind in ("incr", "gauge", "timing")})
    monkeypatch.setattr(sdk, "Stats", stats, raising=False)
    return calls


def test_a_request_and_its_wait(sent):
    metrics.report_request(waited=1.5, iqm_conn_id="iqm_default")
    tags = {"iqm_conn_id": "iqm_default"}
    assert sent == [("incr", "iqm.requests", 1, tags), ("timing", "iqm.rate_limit.wait", 1500, tags)]


def test_the_task_is_in_the_tags(sent, monkeypatch):
    ti = SimpleNamespace(dag_id="nightly", task_id="upload")
    monkeypatch.setattr(metrics, "get_current_context", lambda: {"ti": ti})
    metrics.report_rejected_request(iqm_conn_id="iqm")
    tags = {"dag_id": "nightly", "task_id": "upload", "iqm_conn_id": "iqm"}
    assert sent == [("incr", "iqm.requests.rate_limited", 1, tags)]


def test_an_upload_with_what_was_dropped(sent):
    dropped = {"malformed email": 3, "malformed SHA256 hash": 1}
    counts = {"records_read": 9, "records_kept": 3, "dropped": dropped, "duplicates": 2, "suppressed": 0}
    metrics.report_upload(records=3, file_bytes=70, counts=counts)
    metrics.report_upload(records=4, file_bytes=80, counts=None)
    assert [(name, value) for _, name, value, _ in sent] == [
        ("iqm.uploads", 1),
        ("iqm.upload.records", 3),
        ("iqm.upload.bytes", 70),
        ("iqm.records.dropped.duplicate", 2),
        ("iqm.records.dropped.malformed_email", 3),
        ("iqm.records.dropped.malformed_sha256_hash", 1),
        ("iqm.uploads", 1),
        ("iqm.upload.records", 4),
        ("iqm.upload.bytes", 80),
    ]


def test_what_is_unknown_or_nothing_is_not_sent(sent):
    metrics.report_match_rate(None)
    metrics.report_replaced(0)
    assert sent == []
    metrics.report_match_rate(0.0)
    metrics.report_replaced(2)
    metrics.report_time_to_ready(60)
    assert [call[:3] for call in sent] == [
        ("gauge", "iqm.audience.match_rate", 0.0),
        ("incr", "iqm.audiences.replaced", 2),
        ("timing", "iqm.audience.time_to_ready", 60_000),
    ]


def test_an_error_of_the_client_is_logged_once(monkeypatch, caplog):
    metrics._warn.cache_clear()

    def fail(*_, **__):
        raise ConnectionError("statsd://user:secret@host")

    monkeypatch.setattr(sdk, "Stats", SimpleNamespace(incr=fail, gauge=fail, timing=fail), raising=False)
    for _ in range(3):
        metrics.report_request(waited=0, iqm_conn_id="iqm")
    assert caplog.messages == ["Failed to send metrics; continuing without them: ConnectionError"]
