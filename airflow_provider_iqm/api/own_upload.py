"""
Finds the audience that an interrupted upload may have created.

IQM has no idempotency key. So an upload carries a token in its file's name, which IQM repeats in the audience's details
(``metadata`` and ``s3FileName``): the list finds the audiences of the name, the token proves which one is ours.
"""

from __future__ import annotations

from pathlib import PurePath

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.exchange import Exchange
from airflow_provider_iqm.exceptions import AudienceNotFoundError, DoubledAudienceError
from airflow_provider_iqm.vocabulary import FAILED_STATUSES

MAX_CANDIDATES = 10
"""How many audiences of a name are looked at, the newest first; each costs a request."""

MAX_STEM = 100
"""How many characters of a file's own name stay in front of the token."""


def name_with_token(file_name: str, token: str) -> str:
    """Return a file's name with a token in it, in letters that IQM keeps as they are."""
    path = PurePath(file_name)
    return f"{path.stem[:MAX_STEM]}-{token}{path.suffix}"


def is_own_upload(iqm: Dialect, audience_id: int, token: str) -> Exchange[bool]:
    """
    Return the exchange that tells whether an audience has a token.

    One that failed, was rejected or deleted doesn't count: the list is to be uploaded again.
    """
    try:
        return _has(token, (yield from iqm.details(audience_id)))
    except AudienceNotFoundError:
        return False


def find_own_upload(iqm: Dialect, audience_name: str, token: str) -> Exchange[int | None]:
    """
    Return the exchange that finds the audience with a token, or ``None`` where there is none.

    :raises DoubledAudienceError: where there are two.
    """
    candidates = yield from iqm.find(audience_name)
    newest = sorted(candidates, key=lambda audience: audience["id"], reverse=True)[:MAX_CANDIDATES]
    own = []
    for audience in newest:
        # Where the list tells the file's name, no further request is needed to see that it is ours.
        if _has(token, audience) or (yield from is_own_upload(iqm, audience["id"], token)):
            own.append(audience["id"])  # noqa: PERF401 - no comprehension can hold a yield
    if len(own) > 1:
        raise DoubledAudienceError(
            f'IQM has audience "{audience_name}" twice from this upload, with the ids {own[1]} and {own[0]}. '
            "Delete one of them in IQM, then clear the task."
        )
    return own[0] if own else None


def _has(token: str, audience: MatchedAudience) -> bool:
    return audience["status"] not in FAILED_STATUSES and any(token in name for name in audience["file_names"])
