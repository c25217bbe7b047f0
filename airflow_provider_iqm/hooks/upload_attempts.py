"""Tracks the attempts to send one upload."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_iqm.api.upload_search import may_have_created
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError


@dataclass(kw_only=True)
class UploadAttempts:
    """
    The attempts to send one upload, in this process; operators store them for later tries.

    :param token: Identifies the audiences of this upload; the same in each attempt.
    :param stored: Whether the attempts are stored for later tries of the task.
    :param count: The number of attempts that may have reached IQM.
    :param earliest: The time of the first attempt, in seconds since 1970; None if unknown.
    :param lost_at: The time at which the last response was lost; None if unknown.
    :param audience_id: The audience that an attempt created; None if unknown.
    :param by_search: Whether to find that audience with a search, which also finds duplicates, instead of by its id.
    :param sent_here: The number of attempts in this try.
    :param refusal: The error of a proxy that refused the last attempt in IQM's place, so that a resend is pointless.
    """

    token: str
    stored: bool = False
    count: int = 0
    earliest: float | None = None
    lost_at: float | None = None
    audience_id: int | None = None
    by_search: bool = False
    sent_here: int = 0
    refusal: str | None = None
    _before: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def repeated(self) -> bool:
        """Whether IQM may have received the upload more than once."""
        return self.count > 1

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Record that the block sends the upload, and record its outcome."""
        self.sending()
        try:
            yield
        except IQMError as error:
            if may_have_created(error):
                self.lost(refusal=str(error) if isinstance(error, IQMFinalError) else None)
            else:
                self.refused()
            raise

    def sending(self) -> None:
        """Record that the upload is about to be sent."""
        self._before = {name: getattr(self, name) for name in ("count", "earliest", "lost_at", "sent_here", "refusal")}
        if not self.count:
            self.earliest = time.time()
        self.count += 1
        self.sent_here += 1
        self.lost_at = None
        self.refusal = None
        self.save(required=True)

    def refused(self) -> None:
        """Record that the last attempt didn't create an audience."""
        for name, value in self._before.items():
            setattr(self, name, value)
        self.save()

    def lost(self, *, refusal: str | None = None) -> None:
        """
        Record that the response to the last attempt was lost.

        :param refusal: The error of a proxy that refused it in IQM's place.
        """
        self.lost_at = time.time()
        self.refusal = refusal
        self.save()

    def failed(self) -> None:
        """Record that the created audience can't become ready, so the list has to be uploaded again."""
        self.count = 0
        self.audience_id = None

    def not_found(self) -> None:
        """Record that IQM doesn't have the created audience; if it turns up again, it is a duplicate."""
        self.audience_id = None

    def made(self, audience_id: int) -> None:
        """
        Record the audience that the upload created.

        :param audience_id: The audience's id.
        """
        self.audience_id = audience_id
        self.save()

    def settled(self, audience_id: int) -> None:
        """
        Record the audience that was kept after the search for duplicates.

        :param audience_id: The audience's id.
        """
        self.count = 1
        self.made(audience_id)

    def search_seconds(self, timeout: float) -> float:
        """
        Return how many seconds to search for the upload, from now on, before it is sent again.

        :param timeout: Seconds to search after a response was lost.
        """
        if self.audience_id is not None:
            return 0.0
        return timeout if self.lost_at is None else max(0.0, min(timeout, self.lost_at + timeout - time.time()))

    def save(self, *, required: bool = False) -> None:
        """
        Store the attempts for later tries, if there is a store.

        :param required: Whether to raise an error if that fails.
        """
