"""Parses the status of an audience, whose spelling differs between IQM's calls."""

from __future__ import annotations

from airflow_provider_iqm.vocabulary import AudienceStatus

_STATUSES = {status.value.casefold(): status for status in AudienceStatus} | {
    # "approved" in the list is "Ready" in the details (contract, "Statuses").
    "approved": AudienceStatus.READY,
}


def read_status(text: object) -> str:
    """Return the status as spelled by :class:`AudienceStatus`, or IQM's own word if it is undocumented."""
    word = str(text).strip()
    known = _STATUSES.get(" ".join(word.replace("_", " ").split()).casefold())
    return known.value if known else word
