"""Reads the status of an audience, which IQM spells differently from call to call."""

from __future__ import annotations

from airflow_provider_iqm.vocabulary import AudienceStatus

_STATUSES = {status.value.casefold(): status for status in AudienceStatus} | {
    # The list says "approved" where the details say "Ready" (contract, "Statuses").
    "approved": AudienceStatus.READY,
}


def read_status(text: object) -> str:
    """Return the status in the spelling of :class:`AudienceStatus`, or IQM's own word where it is unknown."""
    word = str(text).strip()
    known = _STATUSES.get(" ".join(word.replace("_", " ").split()).casefold())
    return known.value if known else word
