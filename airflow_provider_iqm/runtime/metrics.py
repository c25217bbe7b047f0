"""Metrics for those who run the deployment, sent with Airflow's own ``Stats`` to StatsD, Datadog or OpenTelemetry."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any, Literal

from airflow.providers.common.compat.sdk import AirflowException, get_current_context

log = logging.getLogger(__name__)


def report_request(*, waited: float, iqm_conn_id: str) -> None:
    """
    Report a request that is being sent, including logins and retries.

    :param waited: Seconds that it waited for the rate limit.
    :param iqm_conn_id: The connection to IQM.
    """
    _send("incr", "requests", 1, iqm_conn_id=iqm_conn_id)
    report_rate_limit_wait(waited, iqm_conn_id=iqm_conn_id)


def report_rate_limit_wait(seconds: float, *, iqm_conn_id: str) -> None:
    """
    Report how long a request waited for the rate limit.

    :param seconds: Seconds.
    :param iqm_conn_id: The connection to IQM.
    """
    _send("timing", "rate_limit.wait", 1000 * seconds, iqm_conn_id=iqm_conn_id)


def report_rejected_request(*, iqm_conn_id: str) -> None:
    """
    Report a request that IQM rejected with HTTP 429.

    :param iqm_conn_id: The connection to IQM.
    """
    _send("incr", "requests.rate_limited", 1, iqm_conn_id=iqm_conn_id)


def report_upload(*, records: int, file_bytes: int, counts: Mapping[str, Any] | None) -> None:
    """
    Report a list that was uploaded.

    :param records: Records in the file.
    :param file_bytes: Size of the file, in bytes.
    :param counts: The counts of the cleaning; None if the list wasn't cleaned.
    """
    _send("incr", "uploads", 1)
    _send("incr", "upload.records", records)
    _send("incr", "upload.bytes", file_bytes)
    if counts:
        dropped = {"duplicate": counts["duplicates"], "suppressed": counts.get("suppressed", 0), **counts["dropped"]}
        for reason, number in dropped.items():
            if number:
                _send("incr", f"records.dropped.{_as_name(reason)}", number)


def report_time_to_ready(seconds: float) -> None:
    """
    Report how long IQM took to get an audience ready.

    :param seconds: Seconds from its creation to the poll that found it ready.
    """
    _send("timing", "audience.time_to_ready", 1000 * seconds)


def report_match_rate(match_rate: float | None) -> None:
    """
    Report the match rate of a ready audience.

    :param match_rate: Percent; None if IQM doesn't report it.
    """
    if match_rate is not None:
        _send("gauge", "audience.match_rate", match_rate)


def report_replaced(count: int) -> None:
    """
    Report audiences that were replaced in campaigns.

    :param count: How many.
    """
    if count:
        _send("incr", "audiences.replaced", count)


def _send(method: Literal["incr", "gauge", "timing"], name: str, value: float, **tags: str) -> None:
    try:
        # Imported here to keep Dag parsing fast.
        from airflow.providers.common.compat.sdk import Stats

        # By position: the parameters are called count, value and dt.
        getattr(Stats, method)(f"iqm.{name}", value, tags={**_task_tags(), **tags})
    except Exception as error:  # noqa: BLE001 - a client of the deployment may raise anything
        _warn(type(error).__name__)


def _task_tags() -> dict[str, str]:
    """Return the tags of the running task; none in a script or a triggerer."""
    try:
        context: Any = get_current_context()
    except (AirflowException, RuntimeError):
        return {}
    return {"dag_id": context["ti"].dag_id, "task_id": context["ti"].task_id}


def _as_name(reason: str) -> str:
    return "_".join("".join(letter if letter.isalnum() else " " for letter in reason.lower()).split())


@functools.cache
def _warn(error: str) -> None:
    """Log a failure once per process: it isn't worth more, and it can happen with every request."""
    log.warning("Failed to send metrics; continuing without them: %s", error)
