"""Which audiences are ready: one rule for the operator, the sensor and the trigger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from airflow_provider_iqm.api.audience import MatchedAudience, ReadyAudience, ready_part
from airflow_provider_iqm.api.campaigns import CampaignIds
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMError
from airflow_provider_iqm.vocabulary import FAILED_STATUSES, AudienceStatus

MAX_REPORTED = 10
"""Up to this many audiences, each change of a status is an event; for more, the number of audiences per status is."""


@dataclass(frozen=True)
class StatusChanged:
    """
    An audience has a new status.

    :param audience: What IQM says about the audience.
    """

    audience: MatchedAudience


@dataclass(frozen=True)
class StatusCountsChanged:
    """
    The number of audiences per status has changed.

    :param counts: Status → number of audiences.
    :param total: The number of all audiences, including those that IQM doesn't list yet.
    """

    counts: Counter[str]
    total: int


@dataclass(frozen=True)
class PollFailed:
    """
    A poll failed with an error that may be gone by the next one.

    :param error: The error.
    """

    error: IQMError


@dataclass(frozen=True)
class CampaignsUnknown:
    """
    The campaigns that use the ready audiences couldn't be read.

    :param error: The error.
    """

    error: IQMError


PollEvent = StatusChanged | StatusCountsChanged | PollFailed | CampaignsUnknown


class AudienceWatch:
    """
    Tracks which of the audiences to wait for are ready, and collects what polls find as events.

    An unknown status never counts as ready.

    :param audience_ids: The audiences to wait for.
    :param known_status: The status that the log already has of them: it is no event.
    :param with_campaigns: Whether the poll that finds the last one ready also reads which campaigns use them (v3 only).
    """

    def __init__(
        self, audience_ids: Iterable[int], *, known_status: AudienceStatus | None = None, with_campaigns: bool = False
    ) -> None:
        self.audience_ids = list(audience_ids)
        self.with_campaigns = with_campaigns
        self.campaigns: CampaignIds | None = None
        """The campaigns that use the ready audiences; None if they weren't read."""
        self._statuses: dict[int, str] = {}
        self._ready: dict[int, ReadyAudience] = {}
        self._total = len(set(self.audience_ids))
        self._reports_each = self._total <= MAX_REPORTED
        if known_status and self._reports_each:
            self._statuses = dict.fromkeys(self.audience_ids, known_status)
        self._reported_counts: Counter[str] = Counter()
        self._events: list[PollEvent] = []
        self._became_ready: list[MatchedAudience] = []
        self._offset = 0

    @property
    def label(self) -> str:
        """The audiences in a few words, for messages."""
        ids = list(dict.fromkeys(self.audience_ids))
        if len(ids) == 1:
            return f"audience {ids[0]}"
        return f"audiences {', '.join(map(str, ids))}" if self._reports_each else f"{len(ids):,} audiences"

    @property
    def pending(self) -> list[int]:
        """The ids that are not ready yet, each once."""
        return [item for item in dict.fromkeys(self.audience_ids) if item not in self._ready]

    @property
    def ready(self) -> list[ReadyAudience]:
        """The audiences that are ready, in the order of their ids."""
        return [self._ready[item] for item in self.audience_ids if item in self._ready]

    def take_events(self) -> list[PollEvent]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def take_ready(self) -> list[MatchedAudience]:
        """Return the audiences that became ready since the last call."""
        ready, self._became_ready = self._became_ready, []
        return ready

    def update(self, audience: MatchedAudience) -> None:
        """
        Record an audience's status.

        :param audience: What IQM says about the audience.
        :raises AudienceFailedError: It will never become ready.
        """
        status = audience["status"]
        if self._statuses.get(audience["id"]) != status:
            self._statuses[audience["id"]] = status
            if self._reports_each:
                self._events.append(StatusChanged(audience))
        if status in FAILED_STATUSES:
            raise AudienceFailedError(_failure(audience))
        if status == AudienceStatus.READY:
            if audience["id"] not in self._ready:
                self._became_ready.append(audience)
            self._ready[audience["id"]] = ready_part(audience)

    def fail_campaigns(self, error: IQMError) -> None:
        """
        Record that the campaigns couldn't be read.

        :param error: The error.
        """
        self._events.append(CampaignsUnknown(error))

    def end_poll(self, error: IQMError | None = None) -> None:
        """
        Record that a poll has ended.

        :param error: Why it failed.
        """
        if error:
            self._events.append(PollFailed(error))
        counts = Counter(self._statuses.values())
        if not self._reports_each and counts != self._reported_counts:
            self._reported_counts = counts
            self._events.append(StatusCountsChanged(counts, self._total))

    def rotate(self, audience_ids: Collection[int], limit: int) -> list[int]:
        """
        Return up to ``limit`` of the audiences; each call returns the next ones, until it starts over.

        :param audience_ids: The audiences.
        :param limit: The maximum number.
        """
        waiting = [item for item in self.pending if item in audience_ids]
        start = self._offset % len(waiting) if waiting else 0
        self._offset += limit
        return (waiting[start:] + waiting[:start])[:limit]


def _failure(audience: MatchedAudience) -> str:
    reason = audience["reason"]
    stated = f"IQM's reason: {reason.rstrip('.')}." if reason else "IQM gave no reason."
    advice = {
        AudienceStatus.FAILED: "Check the file and its column mapping, then upload it again.",
        AudienceStatus.REJECTED: "Ask IQM's support or the workspace's approver, then upload it again.",
        AudienceStatus.DELETED: "Somebody deleted it; upload it again if it is still needed.",
    }[AudienceStatus(audience["status"])]
    label = f'Audience {audience["id"]} "{audience["name"]}"'
    return f"{label} is {audience['status']} and won't become ready. {stated} {advice}"
