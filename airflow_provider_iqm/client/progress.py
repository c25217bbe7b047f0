"""Tells the task log how far an upload is."""

from __future__ import annotations

import time

from airflow_provider_iqm.log import Log

SECONDS_BETWEEN_LINES = 5.0


class UploadProgress:
    """
    Logs the bytes, the share and the rate of an upload, at most a line every five seconds.

    :param log: Where to.
    :param file_name: What is being sent.
    """

    def __init__(self, log: Log, file_name: str) -> None:
        self._log = log
        self._file_name = file_name
        self._started = self._told = time.monotonic()

    def __call__(self, sent: int, total: int) -> None:
        """Record the bytes sent so far, out of all."""
        now = time.monotonic()
        if now - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = now
        self._log.info(
            "Uploading %s: %.1f of %.1f MB (%d %%), %.1f MB/s",
            self._file_name,
            sent / 1e6,
            total / 1e6,
            100 * sent // max(total, 1),
            sent / 1e6 / (now - self._started),
        )
