"""What is known of the attempts to send one upload."""

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
    The attempts to send one upload, in this process; operators keep them for later tries.

    :param token: What proves that an audience is from this upload: the same at each attempt.
    :param kept: Whether later tries of the task will know of them.
    :param count: How many attempts may have reached IQM.
    :param earliest: Since when they may have been sent, in seconds since 1970; ``None`` where that isn't known.
    :param lost_at: When the answer to the last one was lost; ``None`` where that isn't known.
    :param audience_id: The audience that they have made, where that is known.
    :param by_search: Whether to find that audience by a search, which shows duplicates too, and not by its id.
    :param sent_here: How many of them this try has sent.
    :param refusal: What a proxy said that refused the last one instead of IQM, so that sending it again is no use.
    """

    token: str
    kept: bool = False
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
        """Whether IQM may have got the upload more than once."""
        return self.count > 1

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Record that the upload's body goes out in the block, and of what comes of it."""
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
        """Record that the upload's body is about to go out."""
        self._before = {name: getattr(self, name) for name in ("count", "earliest", "lost_at", "sent_here", "refusal")}
        if not self.count:
            self.earliest = time.time()
        self.count += 1
        self.sent_here += 1
        self.lost_at = None
        self.refusal = None
        self.keep(required=True)

    def refused(self) -> None:
        """Record that the last attempt has made nothing."""
        for name, value in self._before.items():
            setattr(self, name, value)
        self.keep()

    def lost(self, *, refusal: str | None = None) -> None:
        """
        Record that IQM's answer to the last attempt was lost.

        :param refusal: What a proxy said that refused it instead of IQM.
        """
        self.lost_at = time.time()
        self.refusal = refusal
        self.keep()

    def failed(self) -> None:
        """Record that the audience that was made can't become ready: the list is to be sent anew."""
        self.count = 0
        self.audience_id = None

    def gone(self) -> None:
        """Record that IQM doesn't know the audience that was made; if it turns up again, it is a duplicate."""
        self.audience_id = None

    def made(self, audience_id: int) -> None:
        """
        Record the audience that the upload has made.

        :param audience_id: The audience's id.
        """
        self.audience_id = audience_id
        self.keep()

    def settled(self, audience_id: int) -> None:
        """
        Record the one audience that is left after the search for duplicates.

        :param audience_id: The audience's id.
        """
        self.count = 1
        self.made(audience_id)

    def search_seconds(self, timeout: float) -> float:
        """
        Return for how many seconds from now on the upload must be searched for before it is sent again.

        :param timeout: How long to search after an answer was lost.
        """
        if self.audience_id is not None:
            return 0.0
        return timeout if self.lost_at is None else max(0.0, min(timeout, self.lost_at + timeout - time.time()))

    def keep(self, *, required: bool = False) -> None:
        """
        Keep what is known for later tries, where there are any.

        :param required: Whether to raise an error where that fails.
        """
