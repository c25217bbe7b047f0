"""The classic API: the calls of the quickstart and of IQM's older reference."""

import json
import re
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from airflow_provider_iqm.sandbox.answers import RefusedError, classic, success
from airflow_provider_iqm.sandbox.classic import validation
from airflow_provider_iqm.sandbox.classic.catalogue import (
    DATA_FORMATS,
    DATA_PARTNERS,
    LATER_COLUMNS,
    MANDATORY_COLUMNS,
    OPTIONAL_COLUMNS,
    STATUSES,
    VOTER_ID_COLUMNS,
)
from airflow_provider_iqm.sandbox.session.access import State, require_token
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.audiences import Audience, UploadedFile
from airflow_provider_iqm.sandbox.state.journal import record_of
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.uploads.form import read_form

MATCHED_AUDIENCE = 1
# "The maximum data size per page is 1K rows" (quickstart, "Best Practices").
PAGE_ROWS = 1000

router = APIRouter(prefix="/api", dependencies=[Depends(require_token)])


@router.post("/v3/audience/static/matched/column-list")
async def column_list() -> Response:
    """List the columns in the quickstart's format."""
    return classic(
        {
            "mandatoryColumns": MANDATORY_COLUMNS,
            "voterIDColumns": VOTER_ID_COLUMNS,
            "optionalColumns": OPTIONAL_COLUMNS,
        }
    )


@router.get("/v3/audience/static/matched/column-list")
async def later_column_list() -> Response:
    """List the columns in the later reference's format."""
    return success(LATER_COLUMNS)


@router.get("/v3/audience/static/matched/data-partner")
async def data_partners() -> Response:
    """List the data partners: the sources of voter and NPI ids."""
    return success(DATA_PARTNERS)


@router.get("/v3/audience/static/matched/data-format")
async def data_formats() -> Response:
    """List the data formats of phones and emails."""
    return success(DATA_FORMATS)


@router.get("/v2/audience/status")
async def statuses() -> Response:
    """List the audience statuses."""
    return classic(STATUSES)


@router.post("/v2/audience/matched/add")
async def add(request: Request, state: State) -> Response:
    """Create an audience from a file."""
    form = await read_form(request, state.settings)
    try:
        file = await form.finish()
        facts = _checked(form.fields, file, state.settings)
        audience = state.audiences.add(
            file, form.fields, match_rate=state.settings.match_rate, late=record_of(request.scope).late, **facts
        )
        if form.file is not None:
            form.file.keep_as(f"{audience.audience_id}_{audience.s3_file_name}")
    finally:
        form.close()
    return classic({"id": audience.audience_id, "message": "Audience created successfully"})


def _checked(fields: dict[str, str], file: UploadedFile, settings: SandboxSettings) -> dict[str, Any]:
    name = validation.check_name(fields)
    validation.check_header(file)
    columns = validation.check_columns(fields, file)
    single = validation.check_single_column(fields, columns.values())
    column_settings = validation.check_settings(fields, columns.values(), single=single)
    validation.check_count(fields, file, settings.max_records)
    metadata = validation.check_metadata(fields, file)
    return {
        "name": name,
        "columns": columns,
        "single_column": single,
        "column_settings": column_settings,
        "metadata": metadata,
    }


@router.get("/v2/audience/matched/{audience_id}")
async def details(audience_id: str, state: State) -> Response:
    """Return the details of an audience."""
    audience = state.audiences.get(int(audience_id)) if re.fullmatch("[0-9]{1,18}", audience_id) else None
    if audience is None:
        raise RefusedError(404, "Audience not found.")
    return classic(details_object(audience, state))


def details_object(audience: Audience, state: SandboxState) -> dict[str, Any]:
    """
    Return the details of an audience.

    :param audience: the audience.
    :param state: the sandbox's state.
    """
    settings = state.settings
    now = state.clock.now()
    status = audience.status_at(now, settings)
    created = audience.created_ms // 1000
    use = state.campaigns.use_of(audience.audience_id)
    optional = {
        "columnSettings": audience.sent.get("columnSettings"),
        "rejectionReason": audience.reason if status in {"Failed", "Rejected"} else None,
    }
    return {
        "id": audience.audience_id,
        "audienceName": audience.name,
        "existingColumnMatching": audience.sent["columns"],
        "metadata": audience.sent["metadata"],
        "rawS3URL": "",
        "status": status,
        "matchRate": audience.match_rate_at(status),
        "minEcpm": 0,
        "maxEcpm": 0,
        "s3FileName": audience.s3_file_name,
        "included": len(use.included) + audience.attached,
        "excluded": len(use.excluded),
        "createdDate": created,
        "modifiedDate": created + int(now - audience.created),
        "organizationName": "Sandbox organization",
        "userEmail": settings.email,
        "userName": "Sandbox user",
        "expectedSpent7": 0,
        "expectedSpent30": 0,
        "expectedSpent60": 0,
        "dataCost": audience.cost_at(status),
        "fileTotalCount": audience.file.records,
        "owId": settings.ow_id,
        "uowId": 1,
        "rawS3URLError": "File not available currently, please check later",
        "uniques": audience.uniques_at(status),
        "isApprovalAccess": False,
        "isEditAccess": True,
        "isSingleColumnEnabled": audience.single_column,
        **{name: value for name, value in optional.items() if value is not None},
    }


@router.get("/v2/audience/list")
async def audience_list(state: State, audienceTypeIds: str = "", searchField: str = "") -> Response:  # noqa: N803
    """List the audiences whose name contains a text, newest first, at most one page."""
    types = [each.strip() for each in audienceTypeIds.split(",") if each.strip()]
    if not all(re.fullmatch("[0-9]+", each) for each in types):
        raise RefusedError(400, "audienceTypeIds must be numbers separated by commas.")
    if types and MATCHED_AUDIENCE not in map(int, types):
        return classic([])
    found = state.audiences.listed(searchField, state.settings)
    return classic([_row(audience, state) for audience in found[:PAGE_ROWS]])


def _row(audience: Audience, state: SandboxState) -> dict[str, Any]:
    status = audience.status_at(state.clock.now(), state.settings)
    return {
        "id": audience.audience_id,
        "audienceName": audience.name,
        "audienceType": "Matched Audience",
        "audienceTypeId": MATCHED_AUDIENCE,
        "isVoterAudience": "Voters_ID" in audience.columns.values(),
        "status": "approved" if status == "Ready" else status.lower(),
        "statusDisplayName": status,
        "createdOn": audience.created_ms // 1000,
        "dataCost": audience.cost_at(status),
        "uniques": audience.uniques_at(status),
    }


@router.put("/v2/audience/delete")
async def delete(request: Request, state: State) -> Response:
    """Delete audiences, except for those that a campaign uses."""
    try:
        body = json.loads(await request.body())
        requested = dict.fromkeys(int(each) for each in body["audienceIds"].split(","))
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise RefusedError(400, 'The body must be JSON: {"audienceIds": "1,2"}.') from broken
    deleted = [audience_id for audience_id in requested if state.audiences.delete(audience_id)]
    failed = [audience_id for audience_id in requested if audience_id not in deleted]
    message = (
        "Some of the selected audience(s) can not be deleted" if failed else "Selected audience(s) deleted successfully"
    )
    return classic(
        {
            "audienceFailedIds": failed,
            "message": message,
            "audienceSuccessfulIds": deleted,
            "status": not failed,
        }
    )
