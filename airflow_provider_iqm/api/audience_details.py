"""Parses an audience's details in the classic format, which some v3 responses still have (contract, "status")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_iqm.api.audience import MatchedAudience, read_audience_id, read_moment
from airflow_provider_iqm.api.status import read_status
from airflow_provider_iqm.api.values import number_or_none

_REASONS = ("reason", "rejectionReason", "rejectReason", "statusReason", "failureReason", "errorMsg")


def parse_details(data: Mapping[str, Any]) -> MatchedAudience:
    """Parse an audience's details."""
    metadata = json.loads(data.get("metadata") or "{}")
    records = data.get("fileTotalCount") or metadata.get("rows")
    names = (metadata.get("fileName"), data.get("s3FileName"))
    return MatchedAudience(
        id=read_audience_id(data["id"]),
        name=str(data.get("audienceName", "")),
        status=read_status(data["status"]),
        match_rate=number_or_none(data.get("matchRate"), float),
        uniques=number_or_none(data.get("uniques"), int),
        records=number_or_none(records, int),
        data_cost=number_or_none(data.get("dataCost"), float),
        reason=parse_reason(data),
        file_names=[str(name) for name in names if name],
        created=read_moment(data.get("createdDate")),
    )


def parse_in_use(data: Mapping[str, Any]) -> bool:
    """Parse whether campaigns include or exclude an audience; the details must have both counts."""
    return any([int(data[key]) for key in ("included", "excluded")])  # noqa: C419 - both must be there


def parse_reason(data: Mapping[str, Any]) -> str | None:
    """Parse why an audience failed or was rejected."""
    return next((str(data[key]) for key in _REASONS if data.get(key)), None)
