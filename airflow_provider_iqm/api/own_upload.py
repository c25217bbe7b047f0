"""
Finds the audience that an interrupted upload may have created.

IQM has no idempotency key. So an upload carries a token in its file's name, which IQM repeats in the audience's details
(``metadata`` and ``s3FileName``): the list finds the audiences of the name, the token proves which one is ours.
"""

from __future__ import annotations

from pathlib import PurePath

from airflow_provider_iqm.api import classic
from airflow_provider_iqm.api.exchange import Exchange, LogIn
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


def is_own_upload(login: LogIn, audience_id: int, token: str) -> Exchange[bool]:
    """
    Return the exchange that tells whether an audience has a token.

    One that failed, was rejected or deleted doesn't count: the list is to be uploaded again.
    """
    try:
        audience = yield from login.call(classic.details(audience_id))
    except AudienceNotFoundError:
        return False
    return audience["status"] not in FAILED_STATUSES and any(token in name for name in audience["file_names"])


def find_own_upload(login: LogIn, audience_name: str, token: str) -> Exchange[int | None]:
    """
    Return the exchange that finds the audience with a token, or ``None`` where there is none.

    :raises DoubledAudienceError: where there are two.
    """
    candidates = yield from login.call(classic.find(audience_name))
    newest = sorted((item["id"] for item in candidates), reverse=True)[:MAX_CANDIDATES]
    own = []
    for audience_id in newest:
        if (yield from is_own_upload(login, audience_id, token)):
            own.append(audience_id)  # noqa: PERF401 - no comprehension can hold a yield
    if len(own) > 1:
        raise DoubledAudienceError(
            f'IQM has audience "{audience_name}" twice from this upload, with the ids {own[1]} and {own[0]}. '
            "Delete one of them in IQM, then clear the task."
        )
    return own[0] if own else None
