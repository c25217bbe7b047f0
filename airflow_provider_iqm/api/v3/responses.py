"""Parses the responses of IQM's v3 calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_iqm.api.audience import MatchedAudience, read_audience_id, read_moment
from airflow_provider_iqm.api.audience_details import parse_details, parse_in_use
from airflow_provider_iqm.api.values import number_or_none
from airflow_provider_iqm.vocabulary import AudienceStatus

STATUSES = {
    1: AudienceStatus.PROCESSING,
    2: AudienceStatus.PENDING,
    3: AudienceStatus.READY,
    4: AudienceStatus.REJECTED,
    6: AudienceStatus.FAILED,
    7: AudienceStatus.FETCHING_DATA,
    8: AudienceStatus.DATA_FETCHED,
}
"""The documented status ids (contract, "status ids"); others are looked up in the account's list."""


def read_page(data: Any) -> tuple[int, list[MatchedAudience]]:
    """Parse a page of the list: the number of matching audiences, and the audiences of the page."""
    return int(data.get("filteredRecords") or 0), [read_audience(row) for row in data["audienceList"] or []]


def read_audience(data: Mapping[str, Any]) -> MatchedAudience:
    """Parse an audience in the details or in the list; an undocumented status stays an id."""
    if "audienceStatusId" not in data:
        # The tutorial's sample still has the classic format (contract, "status").
        return parse_details(data)
    status_id = int(data["audienceStatusId"])
    names = (data.get("s3FileName"), PurePosixPath(str(data.get("s3Url") or "")).name)
    return MatchedAudience(
        id=read_audience_id(data["audienceId"]),
        name=str(data.get("audienceName", "")),
        status=STATUSES[status_id].value if status_id in STATUSES else str(status_id),
        match_rate=number_or_none(data.get("matchRate"), float),
        uniques=number_or_none(data.get("reach", data.get("uniques")), int),
        records=number_or_none(data.get("fileRowCount", data.get("fileTotalCount")), int),
        data_cost=number_or_none(data.get("cpm"), float),
        reason=str(data.get("rejectionReason") or data.get("failureReason") or "") or None,
        file_names=[str(name) for name in names if name],
        created=read_moment(data.get("createdAt")),
    )


def read_use(data: Mapping[str, Any]) -> bool:
    """Parse whether campaigns include or exclude an audience; the details must have both lists."""
    if "audienceStatusId" not in data:
        # The tutorial's sample, as above.
        return parse_in_use(data)
    return any([list(data[key]) for key in ("whitelistedCampaignIds", "blacklistedCampaignIds")])  # noqa: C419 - both must be there


def read_deleted(data: Mapping[str, Any]) -> set[int]:
    """Parse which audiences were deleted; one in both lists wasn't."""
    deleted, failed = (set(map(int, data.get(key) or [])) for key in ("successfulAudienceIds", "failedAudienceIds"))
    return deleted - failed
