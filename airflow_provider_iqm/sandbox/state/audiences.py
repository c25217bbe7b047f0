"""The audiences that a sandbox holds, and how they get along."""

import re
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.campaigns import CampaignStore
from airflow_provider_iqm.sandbox.state.clock import Clock

Outcome = Literal["Ready", "Failed", "Rejected"]

# What a demo user can write into an audience's name to see it go wrong.
OUTCOME_MARKS: dict[str, Outcome] = {"[fail]": "Failed", "[reject]": "Rejected"}


@dataclass(frozen=True)
class UploadedFile:
    """
    What the sandbox found out about a file that it was sent.

    :param name: the name in the upload form.
    :param size: bytes received.
    :param sha256: hex digest of the bytes received.
    :param header: the names of the columns.
    :param records: how many records there are; the header and blank lines are none.
    """

    name: str
    size: int
    sha256: str
    header: tuple[str, ...]
    records: int


@dataclass
class Audience:
    """
    One matched audience.

    :param audience_id: its id.
    :param name: its name.
    :param file: the file that it was made from.
    :param columns: file column to system field.
    :param column_settings: system field to setting; None where none was sent.
    :param single_column: the flag ``isSingleColumnEnabled`` as sent.
    :param metadata: the form field as sent, parsed.
    :param sent: the form fields as they were sent, to be echoed; those that a v3 upload stands for.
    :param created: moment of creation on the sandbox's clock.
    :param outcome: where the audience is heading for.
    :param status: a status that an admin call has set; None lets time pass.
    :param reason: why it failed or was rejected.
    :param match_rate: per cent, where a setting or an admin call has set it.
    :param attached: whether a campaign uses it, so that it can't be deleted.
    :param subtype: name of its audience subtype; only a v3 upload can have one.
    :param consent_given: as a v3 upload said; None where it said nothing.
    :param rematched: moment on the sandbox's clock when it was last matched again; None where it never was.
    :param created_ms: moment of creation in milliseconds since 1970.
    """

    audience_id: int
    name: str
    file: UploadedFile
    columns: dict[str, str]
    column_settings: dict[str, str] | None
    single_column: bool
    metadata: dict[str, Any]
    sent: dict[str, str]
    created: float
    outcome: Outcome = "Ready"
    status: str | None = None
    reason: str | None = None
    match_rate: float | None = None
    attached: bool = False
    subtype: str | None = None
    consent_given: bool | None = None
    rematched: float | None = None
    created_ms: int = 0

    @property
    def s3_file_name(self) -> str:
        """The file's name in IQM's store: ``<epoch ms>_<name>``, where ``_`` stands for unusual characters."""
        return f"{self.created_ms}_{re.sub(r'[^A-Za-z0-9.]', '_', self.file.name)}"

    def status_at(self, now: float, settings: SandboxSettings) -> str:
        """
        Return the status.

        :param now: the moment on the sandbox's clock.
        :param settings: they say how many seconds each step takes.
        """
        if self.status is not None:
            return self.status
        age = now - (self.created if self.rematched is None else self.rematched)
        if age < settings.processing_seconds:
            return "Processing"
        if self.outcome == "Failed":
            return "Failed"
        if age < settings.processing_seconds + settings.pending_seconds:
            return "Pending"
        return self.outcome

    def rematch(self, now: float) -> None:
        """
        Start matching again.

        :param now: the moment on the sandbox's clock.
        """
        self.rematched = now
        self.status = None

    def match_rate_at(self, status: str) -> float:
        """
        Return the share of records that were matched, in per cent: made up from the file, and always the same.

        :param status: the audience's status; nothing is matched while it is Processing (sample of the details).
        """
        if self.match_rate is not None:
            return self.match_rate
        if status in {"Processing", "Failed"}:
            return 0.0
        return 45 + int(self.file.sha256[:8], 16) % 4000 / 100

    def uniques_at(self, status: str) -> int:
        """
        Return how many people the audience reaches.

        :param status: the audience's status.
        """
        return round(self.file.records * self.match_rate_at(status) / 100)

    def cost_at(self, status: str) -> float:
        """
        Return what a thousand impressions cost more with this audience, in dollars.

        :param status: the audience's status.
        """
        return 1.5 if status in {"Pending", "Ready"} else 0


class AudienceStore:
    """
    All audiences of the account, by id.

    :param clock: the sandbox's clock.
    :param campaigns: the account's campaigns; an audience that one of them uses can't be deleted.
    """

    def __init__(self, clock: Clock, campaigns: CampaignStore) -> None:
        self._clock = clock
        self._campaigns = campaigns
        # Ids go on after a reset: a sensor left over from before must not find someone else's audience.
        self._ids = count(15332)
        self._audiences: dict[int, Audience] = {}
        self._outcomes: deque[tuple[Outcome, str | None]] = deque()

    def __len__(self) -> int:
        return len(self._audiences)

    def add(self, file: UploadedFile, sent: dict[str, str], *, late: float = 0.0, **facts: Any) -> Audience:
        """
        Create an audience.

        :param file: the file that it is made from.
        :param sent: the form fields as sent.
        :param late: seconds until it exists for clients.
        :param facts: the other fields of ``Audience`` that an upload determines.
        """
        audience = Audience(
            audience_id=next(self._ids),
            file=file,
            sent=sent,
            created=self._clock.now() + late,
            created_ms=self._clock.epoch_ms() + round(late * 1000),
            **facts,
        )
        marked = [outcome for mark, outcome in OUTCOME_MARKS.items() if mark in audience.name.lower()]
        if marked:
            audience.outcome, audience.reason = marked[0], "The audience's name asks for it."
        elif self._outcomes:
            audience.outcome, audience.reason = self._outcomes.popleft()
        self._audiences[audience.audience_id] = audience
        return audience

    def get(self, audience_id: int) -> Audience | None:
        """
        Return an audience, also a deleted one, but none that doesn't exist yet.

        :param audience_id: its id.
        """
        audience = self._audiences.get(audience_id)
        return audience if audience and audience.created <= self._clock.now() else None

    def all(self) -> list[Audience]:
        """Return all audiences, the oldest first."""
        return list(self._audiences.values())

    def listed(self, search: str, settings: SandboxSettings) -> list[Audience]:
        """
        Return the audiences that IQM's list shows, the newest first.

        :param search: part of the name; letter case does not count.
        :param settings: they say how long a new audience stays hidden.
        """
        latest = self._clock.now() - settings.list_delay_seconds
        return [
            audience
            for audience in reversed(self.all())
            if search.lower() in audience.name.lower() and audience.created <= latest and audience.status != "Deleted"
        ]

    def delete(self, audience_id: int) -> bool:
        """
        Delete an audience, and return whether that was possible.

        :param audience_id: its id. One that is attached to a campaign, unknown or already deleted stays as it is.
        """
        audience = self.get(audience_id)
        if audience is None or audience.attached or audience.status == "Deleted" or self._campaigns.use_of(audience_id):
            return False
        audience.status = "Deleted"
        return True

    def plan(self, outcome: Outcome, times: int, reason: str | None) -> None:
        """
        Decide what becomes of the next uploads.

        :param outcome: their last status.
        :param times: of how many uploads.
        :param reason: why.
        """
        self._outcomes.extend([(outcome, reason)] * times)

    def clear(self) -> None:
        """Forget everything but which ids were used."""
        self._audiences.clear()
        self._outcomes.clear()
