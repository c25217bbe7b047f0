"""Logs the progress of an upload."""

from __future__ import annotations

import time

from airflow_provider_iqm.log import Log

LOG_INTERVAL = 5.0
"""Seconds between log lines."""


class UploadProgress:
    """
    Logs bytes, percentage and rate of an upload.

    :param log: The logger.
    :param file_name: The name of the file.
    """

    def __init__(self, log: Log, file_name: str) -> None:
        self._log = log
        self._file_name = file_name
        self._started = self._logged = time.monotonic()

    def __call__(self, sent: int, total: int) -> None:
        """
        Record the progress.

        :param sent: Bytes sent so far.
        :param total: Bytes in total.
        """
        now = time.monotonic()
        if now - self._logged < LOG_INTERVAL:
            return
        self._logged = now
        self._log.info(
            "Uploading %s: %.1f of %.1f MB (%d %%), %.1f MB/s",
            self._file_name,
            sent / 1e6,
            total / 1e6,
            100 * sent // max(total, 1),
            sent / 1e6 / (now - self._started),
        )
