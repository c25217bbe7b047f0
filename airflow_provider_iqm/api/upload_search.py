"""
Finds the audiences of an upload whose answer was lost.

IQM has no idempotency key. So an upload carries a token in its file's name, which IQM repeats in the audience's details
(``metadata`` and ``s3FileName``): the list finds the audiences of the name, the token proves which one is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    DuplicateAudienceError,
    IQMApiError,
    IQMAuthenticationError,
    IQMError,
    IQMRateLimitError,
    IQMRequestError,
    IQMTransportError,
)
from airflow_provider_iqm.vocabulary import FAILED_STATUSES

MAX_STEM = 100
"""How many characters of a file's own name stay in front of the token."""

CLOCK_MARGIN = 24 * 60 * 60.0
"""By how many seconds IQM's clock may differ from this machine's, so that no audience is taken for too old."""


def name_with_token(file_name: str, token: str) -> str:
    """Return a file's name with a token in it, in letters that IQM keeps as they are."""
    path = PurePath(file_name)
    return f"{path.stem[:MAX_STEM]}-{token}{path.suffix}"


@dataclass
class OwnUploadSearch:
    """
    Searches IQM for the audiences of one upload, poll after poll.

    An audience that is known to be somebody else's is not asked for again, so a poll costs one request for the list,
    and one more for each audience of the name that is new to it and whose file the list doesn't name.

    :param audience_name: The audience's name.
    :param token: The upload's token.
    :param earliest: Since when the upload may have been sent, in seconds since 1970; audiences that are older by more
        than :data:`CLOCK_MARGIN` are not looked at. ``None`` looks at all of them.
    """

    audience_name: str
    token: str
    earliest: float | None = None
    _foreign: set[int] = field(default_factory=set, repr=False)

    def find(self, iqm: Dialect) -> Exchange[list[MatchedAudience]]:
        """
        Return the exchange that finds the audiences with the token, the newest first.

        One that failed, was rejected or deleted doesn't count: the list is to be uploaded again.

        :param iqm: The account's API.
        """
        # A list that grows while it is paged through may name an audience twice.
        candidates = {audience["id"]: audience for audience in (yield from iqm.find(self.audience_name))}
        own = []
        for audience_id, listed in sorted(candidates.items(), reverse=True):
            if audience_id in self._foreign or listed["status"] in FAILED_STATUSES or self._is_too_old(listed):
                continue
            audience = listed if listed["file_names"] else (yield from read_known(iqm, audience_id))
            if audience is None:
                continue
            if is_own(audience, self.token):
                own.append(audience)
            elif audience["file_names"]:
                self._foreign.add(audience_id)
        return own

    def _is_too_old(self, audience: MatchedAudience) -> bool:
        created = audience["created"]
        return created is not None and self.earliest is not None and created < self.earliest - CLOCK_MARGIN


def keep_oldest(iqm: Dialect, audiences: Sequence[MatchedAudience]) -> Exchange[int]:
    """
    Return the exchange that deletes all audiences of one upload but the oldest; its result is that one's id.

    An audience that a campaign uses, or may use, is never deleted.

    :param iqm: The account's API.
    :param audiences: The audiences, each of which has the upload's token.
    :raises DuplicateAudienceError: One of the newer ones can't be deleted.
    """
    oldest, *newer = _by_age(audiences)
    reasons, failure = [], None
    for audience in newer:
        reason: str | IQMError | None = yield from _delete_unused(iqm, audience["id"])
        if reason:
            reasons.append(str(reason).rstrip("."))
            failure = reason if isinstance(reason, IQMError) else failure
    if reasons:
        ids = ", ".join(str(audience["id"]) for audience in newer)
        raise DuplicateAudienceError(
            f"IQM has {len(audiences)} audiences of one upload, {oldest['id']} and {ids}, and the newer can't be "
            f'deleted: {"; ".join(reasons)}. All are named "{oldest["name"]}". Delete all but one of them in IQM, then '
            "clear the task."
        ) from failure
    return oldest["id"]


def _delete_unused(iqm: Dialect, audience_id: int) -> Exchange[str | IQMError | None]:
    """Return the exchange that deletes an audience that no campaign uses; its result is why that isn't possible."""
    reason: str | IQMError
    try:
        if (yield from iqm.is_in_use(audience_id)):
            return f"campaigns use {audience_id}"
        if audience_id in (yield from iqm.delete([audience_id]))["deleted"]:
            return None
        reason = f"IQM did not delete {audience_id}"
    except AudienceNotFoundError:
        return None
    except IQMError as error:
        reason = error
    # The answer to the deletion may have been lost, or somebody else has deleted it.
    try:
        audience = yield from read_known(iqm, audience_id)
    except IQMError:
        return reason
    return None if audience is None or audience["status"] in FAILED_STATUSES else reason


def _by_age(audiences: Sequence[MatchedAudience]) -> list[MatchedAudience]:
    """Sort audiences, the oldest first: by the moment of their creation where IQM tells it of all, else by their id."""
    dated = all(audience["created"] is not None for audience in audiences)
    return sorted(audiences, key=lambda audience: ((audience["created"] or 0) if dated else 0, audience["id"]))


def is_own(audience: MatchedAudience, token: str) -> bool:
    """Return whether an audience has a token, and can still become ready."""
    return audience["status"] not in FAILED_STATUSES and any(token in name for name in audience["file_names"])


def is_foreign(audience: MatchedAudience, token: str) -> bool:
    """Return whether an audience's file has another token, or none; IQM may leave out the file's name."""
    return bool(audience["file_names"]) and not any(token in name for name in audience["file_names"])


def may_have_created(error: IQMError) -> bool:
    """
    Return whether IQM may have created an audience though the upload ended in an error.

    Only IQM's own refusal proves that it has not, and what stops a request before any work is done: no connection,
    HTTP 401, HTTP 429. A proxy's 403 or 404 may come after IQM's work.

    :param error: The error.
    """
    match error:
        case IQMTransportError():
            return error.sent
        case IQMAuthenticationError() | IQMRateLimitError():
            return False
        case IQMRequestError():
            return not error.from_iqm
    return isinstance(error, IQMApiError)


_NOT_PROCESSED = frozenset((301, 307, 308, 407, 413))
"""The statuses that say that a request is to be sent elsewhere, with a proxy's password, or smaller (RFC 9110, 15)."""


def says_not_processed(error: IQMError) -> bool:
    """
    Return whether an error says by its status that the request's content was not processed, whoever answered.

    :param error: The error.
    """
    return isinstance(error, IQMApiError) and error.status in _NOT_PROCESSED


def read_known(iqm: Dialect, audience_id: int) -> Exchange[MatchedAudience | None]:
    """
    Return the exchange that reads an audience whose id is known; its result is ``None`` where IQM says it has none.

    :param iqm: The account's API.
    :param audience_id: The audience's id.
    """
    try:
        return (yield from iqm.details(audience_id))
    except AudienceNotFoundError:
        return None
