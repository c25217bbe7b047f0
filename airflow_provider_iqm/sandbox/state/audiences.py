"""Audiences, and how their status changes with time."""

import re
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.campaigns import CampaignStore
from airflow_provider_iqm.sandbox.state.clock import Clock

Outcome = Literal["Ready", "Failed", "Rejected"]

# Text in an audience's name that determines its outcome, for demos.
OUTCOME_MARKS: dict[str, Outcome] = {"[fail]": "Failed", "[reject]": "Rejected"}


@dataclass(frozen=True)
class UploadedFile:
    """
    What the sandbox knows about an uploaded file.

    :param name: the name in the upload form.
    :param size: bytes received.
    :param sha256: hex digest of the bytes received.
    :param header: the names of the columns.
    :param records: number of records, without the header and blank lines.
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
    :param file: the uploaded file.
    :param columns: file column to system field.
    :param column_settings: system field to setting; None if none were sent.
    :param single_column: the flag ``isSingleColumnEnabled`` as sent.
    :param metadata: the form field as sent, parsed.
    :param sent: form fields as sent, to be echoed; for a v3 upload, the equivalent classic fields.
    :param created: creation time on the sandbox's clock.
    :param outcome: final status.
    :param status: status set by the admin API; None to let it advance with time.
    :param reason: reason for Failed or Rejected.
    :param match_rate: match rate in percent, if a setting or the admin API set it.
    :param attached: whether a campaign uses the audience, so that it can't be deleted.
    :param subtype: name of the audience subtype of a v3 upload.
    :param consent_given: ``consentGiven`` of a v3 upload; None if it wasn't sent.
    :param rematched: time of the last rematch on the sandbox's clock; None if there was none.
    :param created_ms: creation time in milliseconds since 1970.
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
        """File name in IQM's storage: ``<epoch ms>_<name>``, with ``_`` in place of unusual characters."""
        return f"{self.created_ms}_{re.sub(r'[^A-Za-z0-9.]', '_', self.file.name)}"

    def status_at(self, now: float, settings: SandboxSettings) -> str:
        """
        Return the status.

        :param now: current time on the sandbox's clock.
        :param settings: settings with the duration of each status.
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
        Restart matching.

        :param now: current time on the sandbox's clock.
        """
        self.rematched = now
        self.status = None

    def match_rate_at(self, status: str) -> float:
        """
        Return the match rate in percent, derived from the file's hash.

        :param status: the audience's status; nothing is matched while it is Processing (sample of the details).
        """
        if self.match_rate is not None:
            return self.match_rate
        if status in {"Processing", "Failed"}:
            return 0.0
        return 45 + int(self.file.sha256[:8], 16) % 4000 / 100

    def uniques_at(self, status: str) -> int:
        """
        Return the number of people that the audience reaches.

        :param status: the audience's status.
        """
        return round(self.file.records * self.match_rate_at(status) / 100)

    def cost_at(self, status: str) -> float:
        """
        Return the data cost of the audience per thousand impressions, in dollars.

        :param status: the audience's status.
        """
        return 1.5 if status in {"Pending", "Ready"} else 0


class AudienceStore:
    """
    All audiences of the account, by id.

    :param clock: the sandbox's clock.
    :param campaigns: campaigns of the account; an audience that a campaign uses can't be deleted.
    """

    def __init__(self, clock: Clock, campaigns: CampaignStore) -> None:
        self._clock = clock
        self._campaigns = campaigns
        # Ids continue after a reset, so that a sensor from before doesn't find another audience.
        self._ids = count(15332)
        self._audiences: dict[int, Audience] = {}
        self._outcomes: deque[tuple[Outcome, str | None]] = deque()

    def __len__(self) -> int:
        return len(self._audiences)

    def add(self, file: UploadedFile, sent: dict[str, str], *, late: float = 0.0, **facts: Any) -> Audience:
        """
        Create an audience.

        :param file: the uploaded file.
        :param sent: form fields as sent.
        :param late: seconds until clients can see the audience.
        :param facts: other fields of ``Audience``.
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
            audience.outcome, audience.reason = marked[0], "Set by the audience's name."
        elif self._outcomes:
            audience.outcome, audience.reason = self._outcomes.popleft()
        self._audiences[audience.audience_id] = audience
        return audience

    def get(self, audience_id: int) -> Audience | None:
        """
        Return an audience, even if it is deleted, but not before it exists for clients.

        :param audience_id: its id.
        """
        audience = self._audiences.get(audience_id)
        return audience if audience and audience.created <= self._clock.now() else None

    def all(self) -> list[Audience]:
        """Return all audiences, oldest first."""
        return list(self._audiences.values())

    def listed(self, search: str, settings: SandboxSettings) -> list[Audience]:
        """
        Return the audiences in IQM's list, newest first.

        :param search: part of the name, case-insensitive.
        :param settings: settings with the list's delay.
        """
        latest = self._clock.now() - settings.list_delay_seconds
        return [
            audience
            for audience in reversed(self.all())
            if search.lower() in audience.name.lower() and audience.created <= latest and audience.status != "Deleted"
        ]

    def delete(self, audience_id: int) -> bool:
        """
        Delete an audience. Returns False if it is used by a campaign, unknown or already deleted.

        :param audience_id: its id.
        """
        audience = self.get(audience_id)
        if audience is None or audience.attached or audience.status == "Deleted" or self._campaigns.use_of(audience_id):
            return False
        audience.status = "Deleted"
        return True

    def plan(self, outcome: Outcome, times: int, reason: str | None) -> None:
        """
        Set the outcome of the next uploads.

        :param outcome: final status.
        :param times: number of uploads.
        :param reason: reason for Failed or Rejected.
        """
        self._outcomes.extend([(outcome, reason)] * times)

    def clear(self) -> None:
        """Remove everything. Used ids aren't reused."""
        self._audiences.clear()
        self._outcomes.clear()
