from __future__ import annotations

import logging

from airflow_provider_iqm.client.progress import UploadProgress


def test_lines_are_at_least_some_seconds_apart(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = UploadProgress(logging.getLogger("test"), "list.csv")
    for step in range(1, 201):
        now[0] = step / 10
        progress(step * 1_000_000, 200_000_000)
    assert len(caplog.records) == 4
    assert caplog.messages[1] == "Uploading list.csv: 100.0 of 200.0 MB (50 %), 10.0 MB/s"
