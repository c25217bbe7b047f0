"""v3: calls for campaigns: targeting, and the list of campaigns."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError, success
from airflow_provider_iqm.sandbox.body import read_body
from airflow_provider_iqm.sandbox.session.access import State
from airflow_provider_iqm.sandbox.state.campaigns import Campaign, TargetingOrder
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.v3.bodies import Int32, JsonModel, parse

# Enough for the ids of thousands of campaigns.
_MAX_BYTES = 4 << 20
_JSON = "application/json"
# The OpenAPI file: "The default value is 20 and the maximum value is 500".
_PAGE_ROWS = 500
_LISTS = ("includedAudienceList", "excludedAudienceList")
_FILTERS = {
    "campaign_ids": "campaignId",
    "ow_ids": "owId",
    "creative_type_ids": "creativeTypeId",
    "campaign_type_ids": "campaignTypeId",
    "io_ids_list": "ioId",
}

router = APIRouter(prefix="/api/v3/cmp")


class _Targeting(JsonModel):
    included_audience_list: list[Int32]
    excluded_audience_list: list[Int32]
    removed_audience_list: list[Int32] = Field(default_factory=list)


class _CampaignSearch(JsonModel):
    campaign_ids: frozenset[Int32] = frozenset()
    ow_ids: frozenset[Int32] = frozenset()
    is_all_ow_ids: bool = False
    status: frozenset[str] = frozenset()
    creative_type_ids: frozenset[Int32] = frozenset()
    ids: frozenset[Int32] = frozenset()
    response_fields: frozenset[str] = frozenset()
    io_ids_list: frozenset[Int32] = frozenset()
    campaign_type_ids: frozenset[Int32] = frozenset()
    page_no: Int32 = 1
    no_of_entries: Int32 = 20
    sort_by: str = "campaignId"
    search_field: str = ""
    order: Literal["asc", "desc"] = "asc"
    sort_criteria_map: dict[str, str] = Field(default_factory=dict)


@router.post("/target/audience")
async def target_audience(request: Request, state: State) -> Response:
    """Change campaigns' targets. A PG campaign fails the whole request; other problems concern one campaign."""
    orders = _read_orders(await read_body(request, _JSON, refuse_with=422, max_bytes=_MAX_BYTES))
    named = {key: state.campaigns.get(int(key)) if _is_number(key) else None for key in orders}
    pg = [campaign.campaign_id for campaign in named.values() if campaign and campaign.pg]
    if pg:
        raise RefusedError(
            422, f"One or more campaigns are PG campaigns and cannot be used for audience targeting: {pg}"
        )
    failed = {}
    for key, order in orders.items():
        problem = state.campaigns.change_targets(
            int(key) if _is_number(key) else 0,
            order,
            problem_with=lambda audience_id: _problem_with(audience_id, state),
            count_removed=state.settings.count_removed_audiences,
        )
        if problem:
            failed[key] = problem
    message = "Your changes have been successfully saved."
    if failed:
        return JSONResponse({"success": False, "data": {"message": message, "failedCampaigns": failed}})
    return success({"message": message})


def _read_orders(body: bytes) -> dict[str, TargetingOrder]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise RefusedError(422, "The body must be JSON.") from broken
    if not isinstance(asked, dict):
        raise RefusedError(422, "The body must be a JSON object with campaign ids as keys.")
    orders = {}
    for key, lists in asked.items():
        if not isinstance(lists, dict):
            raise RefusedError(422, Problem("Must be an object.", key))
        if any(lists.get(name) is None for name in _LISTS):
            # The OpenAPI file: "omitting either causes a server 500 error".
            raise RefusedError(500, "server encountered an error !")
        given = parse(_Targeting, json.dumps(lists), refuse_with=422)
        orders[key] = TargetingOrder(
            given.included_audience_list, given.excluded_audience_list, given.removed_audience_list
        )
    return orders


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) < len(str(2**63))


def _problem_with(audience_id: int, state: SandboxState) -> str | None:
    audience = state.audiences.get(audience_id)
    status = audience.status_at(state.clock.now(), state.settings) if audience else "Deleted"
    if status == "Deleted":
        return f"Audience {audience_id} not found."
    return None if status == "Ready" else f"Audience {audience_id} is not ready."


@router.post("/basic/list")
async def basic_list(request: Request, state: State) -> Response:
    """List names and statuses of campaigns, in pages."""
    body = await read_body(request, _JSON, refuse_with=422, max_bytes=_MAX_BYTES)
    search = parse(_CampaignSearch, body, refuse_with=422)
    if search.page_no < 1:
        raise RefusedError(422, Problem("Invalid page number", "pageNo"))
    if not 1 <= search.no_of_entries <= _PAGE_ROWS:
        raise RefusedError(422, Problem("Invalid page size", "noOfEntries"))
    rows = [_row(campaign, state) for campaign in state.campaigns.all()]
    found = [row for row in rows if _passes(row, search)]
    if rows and search.sort_by not in rows[0]:
        raise RefusedError(422, Problem("Unknown field.", "sortBy"))
    found.sort(key=lambda row: row[search.sort_by], reverse=search.order == "desc")
    found.sort(key=lambda row: row["campaignId"] not in search.ids)
    start = (search.page_no - 1) * search.no_of_entries
    page = found[start : start + search.no_of_entries]
    if search.response_fields:
        page = [{name: value for name, value in row.items() if name in search.response_fields} for row in page]
    return success({"data": page, "totalRecords": len(rows), "filteredRecords": len(found)})


def _passes(row: Mapping[str, Any], search: _CampaignSearch) -> bool:
    text = search.search_field.casefold()
    return (
        all(not getattr(search, name) or row[field] in getattr(search, name) for name, field in _FILTERS.items())
        and (not search.status or row["status"] in {each.casefold() for each in search.status})
        and (text in row["name"].casefold() or text in str(row["campaignId"]))
    )


def _row(campaign: Campaign, state: SandboxState) -> dict[str, Any]:
    # Times are in milliseconds in the schema, and in seconds in the examples.
    created = campaign.created_ms // 1000
    return {
        "campaignId": campaign.campaign_id,
        "name": campaign.name,
        "creativeTypeId": 11,
        "campaignTypeId": 2 if campaign.pg else 1,
        "status": campaign.status,
        "startTime": created,
        "endTime": created + 30 * 24 * 60 * 60,
        "createdAt": created,
        "modifiedAt": campaign.modified_ms // 1000,
        "owId": state.settings.ow_id,
        "organizationName": "Sandbox organization",
        "ioId": 1,
        "ioStatusId": 1,
        "timezoneId": 11,
        "ioBudgetTypeId": 1,
        "ioName": "Sandbox insertion order",
    }
