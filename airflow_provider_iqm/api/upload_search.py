"""
Finds the audiences of an upload whose response was lost.

IQM has no idempotency keys. Instead, the file name of an upload contains a token, which IQM returns in the audience's
details (``metadata`` and ``s3FileName``): the list finds audiences by name, the token identifies the upload.
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
"""The maximum number of characters of the original file name before the token."""

CLOCK_MARGIN = 24 * 60 * 60.0
"""The maximum difference between IQM's clock and this machine's, in seconds."""


def name_with_token(file_name: str, token: str) -> str:
    """Return a file name that contains a token, in characters that IQM doesn't replace."""
    path = PurePath(file_name)
    return f"{path.stem[:MAX_STEM]}-{token}{path.suffix}"


@dataclass
class OwnUploadSearch:
    """
    A repeatable search for the audiences of one upload.

    Audiences of other uploads are requested only once. So each search takes one request for the list, and one for each
    new audience with the name if the list doesn't show its file name.

    :param audience_name: The audience's name.
    :param token: The upload's token.
    :param earliest: The earliest time of the upload, in seconds since 1970; audiences older than that by more than
        :data:`CLOCK_MARGIN` are ignored. None for no limit.
    """

    audience_name: str
    token: str
    earliest: float | None = None
    _others: set[int] = field(default_factory=set, repr=False)

    def find(self, iqm: Dialect) -> Exchange[list[MatchedAudience]]:
        """
        Return the exchange that finds the audiences with the token, newest first.

        Failed, rejected and deleted audiences are left out, so that the list is uploaded again.

        :param iqm: The account's API.
        """
        # A list that grows between two pages may repeat an audience.
        candidates = {audience["id"]: audience for audience in (yield from iqm.find(self.audience_name))}
        own = []
        for audience_id, listed in sorted(candidates.items(), reverse=True):
            if audience_id in self._others or listed["status"] in FAILED_STATUSES or self._is_too_old(listed):
                continue
            audience = listed if listed["file_names"] else (yield from details_or_none(iqm, audience_id))
            if audience is None:
                continue
            if is_own(audience, self.token):
                own.append(audience)
            elif audience["file_names"]:
                self._others.add(audience_id)
        return own

    def _is_too_old(self, audience: MatchedAudience) -> bool:
        created = audience["created"]
        return created is not None and self.earliest is not None and created < self.earliest - CLOCK_MARGIN


def keep_oldest(iqm: Dialect, audiences: Sequence[MatchedAudience]) -> Exchange[int]:
    """
    Return the exchange that deletes all audiences of one upload except for the oldest, and returns its id.

    An audience that campaigns use, or may use, is never deleted.

    :param iqm: The account's API.
    :param audiences: The audiences with the upload's token.
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
            f'deleted: {"; ".join(reasons)}. All are named "{oldest["name"]}". Delete all but one in IQM, then clear '
            "the task."
        ) from failure
    return oldest["id"]


def _delete_unused(iqm: Dialect, audience_id: int) -> Exchange[str | IQMError | None]:
    """Return the exchange that deletes an audience unless campaigns use it, and returns the reason if it fails."""
    reason: str | IQMError
    try:
        if (yield from iqm.is_in_use(audience_id)):
            return f"campaigns use {audience_id}"
        if audience_id in (yield from iqm.delete([audience_id]))["deleted"]:
            return None
        reason = f"IQM didn't delete {audience_id}"
    except AudienceNotFoundError:
        return None
    except IQMError as error:
        reason = error
    # The response to the deletion may have been lost, or somebody else has deleted it.
    try:
        audience = yield from details_or_none(iqm, audience_id)
    except IQMError:
        return reason
    return None if audience is None or audience["status"] in FAILED_STATUSES else reason


def _by_age(audiences: Sequence[MatchedAudience]) -> list[MatchedAudience]:
    """Sort audiences, oldest first: by time of creation if IQM reports it for all of them, otherwise by id."""
    dated = all(audience["created"] is not None for audience in audiences)
    return sorted(audiences, key=lambda audience: ((audience["created"] or 0) if dated else 0, audience["id"]))


def is_own(audience: MatchedAudience, token: str) -> bool:
    """Return whether an audience has a token and can still become ready."""
    return audience["status"] not in FAILED_STATUSES and any(token in name for name in audience["file_names"])


def is_of_other_upload(audience: MatchedAudience, token: str) -> bool:
    """Return whether an audience has a file name without the token; IQM may leave out the file name."""
    return bool(audience["file_names"]) and not any(token in name for name in audience["file_names"])


def may_have_created(error: IQMError) -> bool:
    """
    Return whether IQM may have created an audience although the upload failed.

    It hasn't if IQM itself refused the upload, or if the request failed before any work: no connection, HTTP 401,
    HTTP 429. A proxy may return 403 or 404 after IQM has created the audience.

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
"""Redirects, missing proxy authentication, and content that is too large (RFC 9110, section 15)."""


def is_not_processed(error: IQMError) -> bool:
    """
    Return whether an error's HTTP status means that the request's content wasn't processed, by IQM or a proxy.

    :param error: The error.
    """
    return isinstance(error, IQMApiError) and error.status in _NOT_PROCESSED


def details_or_none(iqm: Dialect, audience_id: int) -> Exchange[MatchedAudience | None]:
    """
    Return the exchange that reads an audience; its result is None if IQM has no such audience.

    :param iqm: The account's API.
    :param audience_id: The audience's id.
    """
    try:
        return (yield from iqm.details(audience_id))
    except AudienceNotFoundError:
        return None
