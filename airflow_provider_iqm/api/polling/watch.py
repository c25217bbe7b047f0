"""Watches audiences until they are ready: one rule for the operator, the sensor and the trigger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from airflow_provider_iqm.api.audience import MatchedAudience, ReadyAudience, ready_part
from airflow_provider_iqm.exceptions import AudienceFailedError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.vocabulary import FAILED_STATUSES, AudienceStatus
from airflow_provider_iqm.wording import count_of

MAX_TOLD = 10
"""How many audiences are told of one by one in the log; of more of them, it tells how many have which status."""


class AudienceWatch:
    """
    Keeps account of which audiences are ready, and logs what changes.

    A status that is not known never counts as ready.

    :param audience_ids: The audiences to wait for.
    :param log: Where changes are told.
    """

    def __init__(self, audience_ids: Iterable[int], log: Log) -> None:
        self.audience_ids = list(audience_ids)
        self.log = log
        self._statuses: dict[int, str] = {}
        self._ready: dict[int, ReadyAudience] = {}
        self._each_told = len(set(self.audience_ids)) <= MAX_TOLD
        self._told: Counter[str] = Counter()
        self._next = 0

    @property
    def label(self) -> str:
        """What is waited for, in a few words."""
        ids = list(dict.fromkeys(self.audience_ids))
        if len(ids) == 1:
            return f"audience {ids[0]}"
        return f"audiences {', '.join(map(str, ids))}" if self._each_told else f"{len(ids):,} audiences"

    @property
    def pending(self) -> list[int]:
        """The ids that are not ready yet, each once."""
        return [item for item in dict.fromkeys(self.audience_ids) if item not in self._ready]

    @property
    def ready(self) -> list[ReadyAudience]:
        """The audiences that are ready, in the order of their ids."""
        return [self._ready[item] for item in self.audience_ids if item in self._ready]

    def observe(self, audience: MatchedAudience) -> None:
        """
        Take note of what IQM says of an audience.

        :raises AudienceFailedError: where it will never become ready.
        """
        status = audience["status"]
        if self._statuses.get(audience["id"]) != status:
            self._statuses[audience["id"]] = status
            if self._each_told:
                self._tell(audience)
        if status in FAILED_STATUSES:
            raise AudienceFailedError(_failure(audience))
        if status == AudienceStatus.READY:
            self._ready[audience["id"]] = ready_part(audience)

    def in_turn(self, audience_ids: Collection[int], limit: int) -> list[int]:
        """
        Return so many of some audiences, others at each call, until each had its turn.

        :param audience_ids: The audiences.
        :param limit: How many.
        """
        waiting = [item for item in self.pending if item in audience_ids]
        start = self._next % len(waiting) if waiting else 0
        self._next += limit
        return (waiting[start:] + waiting[:start])[:limit]

    def tell_progress(self) -> None:
        """Log how many audiences have which status, where that has changed and they are too many to be told of each."""
        counts = Counter(self._statuses.values())
        if self._each_told or counts == self._told:
            return
        self._told = counts
        unheard = len(set(self.audience_ids)) - counts.total()
        statuses = [f"{count:,} {status}" for status, count in counts.most_common()]
        statuses += [f"{unheard:,} not listed yet"] if unheard else []
        self.log.info("Of %s audiences: %s", f"{len(set(self.audience_ids)):,}", ", ".join(statuses))

    def _tell(self, audience: MatchedAudience) -> None:
        label = f'Audience {audience["id"]} "{audience["name"]}"'
        status = audience["status"]
        if status == AudienceStatus.READY:
            rate, reach = audience["match_rate"], audience["uniques"]
            self.log.info(
                "%s is Ready: match rate %s, reach %s",
                label,
                "unknown" if rate is None else f"{rate:.2f} %",
                "unknown" if reach is None else count_of(reach, "user"),
            )
        elif status in set(AudienceStatus):
            self.log.info("%s is %s", label, status)
        else:
            self.log.warning('%s has the status "%s", which is not a documented one; waiting on', label, status)


def _failure(audience: MatchedAudience) -> str:
    reason = audience["reason"]
    said = f"IQM's reason: {reason.rstrip('.')}." if reason else "IQM gave no reason."
    advice = {
        AudienceStatus.FAILED: "Check the file and its column mapping, then upload it again.",
        AudienceStatus.REJECTED: "Ask IQM's support or the workspace's approver, then upload it again.",
        AudienceStatus.DELETED: "Somebody deleted it; upload it again if it is still wanted.",
    }[AudienceStatus(audience["status"])]
    label = f'Audience {audience["id"]} "{audience["name"]}"'
    return f"{label} is {audience['status']} and won't become ready. {said} {advice}"
