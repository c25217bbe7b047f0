"""Logs the results of polls, for the operator, the sensor and the trigger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.polling.watch import (
    AudienceWatch,
    CampaignsUnknown,
    PollEvent,
    PollFailed,
    StatusChanged,
    StatusCountsChanged,
)
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.metrics import report_time_to_ready
from airflow_provider_iqm.vocabulary import AudienceStatus
from airflow_provider_iqm.wording import count_of


@contextmanager
def log_poll_events(log: Log, watch: AudienceWatch) -> Iterator[None]:
    """
    Log the results of the polls in the block, even if a poll raises an error, and report their metrics.

    :param log: The logger of the task or the trigger.
    :param watch: The polled audiences.
    """
    try:
        yield
    finally:
        for event in watch.take_events():
            _log_event(log, event)
        for audience in watch.take_ready():
            if audience["created"] is not None:
                report_time_to_ready(max(0.0, time.time() - audience["created"]))


def _log_event(log: Log, event: PollEvent) -> None:
    match event:
        case StatusChanged(audience):
            _log_status(log, audience)
        case StatusCountsChanged(counts, total):
            parts = [f"{count:,} {status}" for status, count in counts.most_common()]
            unlisted = total - counts.total()
            parts += [f"{unlisted:,} not listed yet"] if unlisted else []
            log.info("Of %s audiences: %s", f"{total:,}", ", ".join(parts))
        case PollFailed(error):
            log.warning("%s The next poll retries.", error)
        case CampaignsUnknown(error):
            log.warning("%s Continuing without the campaigns.", error)


def _log_status(log: Log, audience: MatchedAudience) -> None:
    label = f'Audience {audience["id"]} "{audience["name"]}"'
    status = audience["status"]
    if status == AudienceStatus.READY:
        rate, reach = audience["match_rate"], audience["uniques"]
        log.info(
            "%s is Ready: match rate %s, reach %s",
            label,
            "unknown" if rate is None else f"{rate:.2f} %",
            "unknown" if reach is None else count_of(reach, "user"),
        )
    elif status in set(AudienceStatus):
        log.info("%s is %s", label, status)
    else:
        log.warning('%s has the undocumented status "%s"; still waiting', label, status)
