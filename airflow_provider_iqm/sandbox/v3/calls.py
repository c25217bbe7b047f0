"""v3: calls for audiences."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import JSONResponse, Response

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError, success
from airflow_provider_iqm.sandbox.answers import classic as classic_answer
from airflow_provider_iqm.sandbox.body import read_body
from airflow_provider_iqm.sandbox.classic import calls, validation
from airflow_provider_iqm.sandbox.session.access import State
from airflow_provider_iqm.sandbox.state.audiences import Audience
from airflow_provider_iqm.sandbox.state.journal import record_of
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.uploads.form import read_form
from airflow_provider_iqm.sandbox.v3 import views
from airflow_provider_iqm.sandbox.v3.bodies import AudienceName, JsonModel, TextInt32, parse
from airflow_provider_iqm.sandbox.v3.search import AudienceSearch, find
from airflow_provider_iqm.sandbox.v3.static import split_ids
from airflow_provider_iqm.sandbox.v3.upload_request import check_request, read_request

# The OpenAPI file's ``encoding`` of the file; the sandbox accepts the file's own media type as well.
_ANY_FILE = "application/octet-stream"
_JSON = "application/json"

router = APIRouter(prefix="/api/v3/audience")
_AudienceId = Annotated[TextInt32, Path(alias="audienceId")]
_AudienceIds = Annotated[list[TextInt32], BeforeValidator(split_ids), Query(alias="audienceIds")]
_Campaigns = Annotated[bool, Query(alias="campaignTargetingRequired")]
_Users = Annotated[bool, Query(alias="userDetailsRequired")]


@router.post("/matched")
async def create(request: Request, state: State) -> Response:
    """Create an audience from a file."""
    form = await read_form(request, state.settings, any_type=_ANY_FILE)
    try:
        asked = read_request(form.fields.get("audienceRequest"), form.media_types.get("audienceRequest"))
        file = await form.finish()
        validation.check_header(file)
        validation.check_records(file, state.settings.max_records)
        facts = check_request(asked, file, state.settings)
        audience = state.audiences.add(
            file, match_rate=state.settings.match_rate, late=record_of(request.scope).late, **facts
        )
        if form.file is not None:
            form.file.keep_as(f"{audience.audience_id}_{audience.s3_file_name}")
    finally:
        form.close()
    created = {"matchedAudienceId": audience.audience_id, "message": "Matched audience created successfully"}
    return success(created) if state.settings.wrap_created else JSONResponse(created)


@router.get("/matched/{audienceId}")
async def details(
    state: State,
    audience_id: _AudienceId,
    *,
    campaigns: _Campaigns = False,
    users: _Users = False,
) -> Response:
    """Return the details of an audience."""
    audience = _active(state, audience_id)
    if state.settings.details_shape == "tutorial":
        return classic_answer(calls.details_object(audience, state))
    return success(
        views.details(audience, state, campaigns=campaigns, users=users),
    )


@router.put("/matched/{audienceId}/rematch")
async def rematch(state: State, audience_id: _AudienceId) -> Response:
    """Rematch an audience, if it is ready."""
    audience = _active(state, audience_id)
    now = state.clock.now()
    if audience.status_at(now, state.settings) != "Ready":
        raise RefusedError(422, Problem("The audience is not eligible for rematch.", "audienceId"))
    audience.rematch(now)
    return success(
        {"audienceId": audience.audience_id, "message": f"{audience.name} rematched successfully via Re-Match"}
    )


@router.post("/list")
async def audience_list(request: Request, state: State) -> Response:
    """Search audiences, in pages."""
    try:
        body = await read_body(request, _JSON, refuse_with=422)
        return success(find(parse(AudienceSearch, body, refuse_with=422), state))
    except RefusedError as refused:
        if state.settings.list_shape == "schema":
            raise
        # The OpenAPI file's examples of this call's errors have an object that no schema has.
        first = refused.problems[0]
        described = {"message": first.message} | ({"field": first.field} if first.field else {})
        return JSONResponse({"success": False, "error": described}, refused.status)


class _Rename(JsonModel):
    audience_name: AudienceName


@router.patch("/{audienceId}/update-name")
async def update_name(request: Request, state: State, audience_id: _AudienceId) -> Response:
    """Rename an audience."""
    name = parse(_Rename, await read_body(request, _JSON, refuse_with=422), refuse_with=422).audience_name
    audience = state.audiences.get(audience_id)
    if audience is None or audience.status == "Deleted":
        raise RefusedError(422, "No active audience found with the provided ID or the audience is not accessible")
    audience.name = name
    return success({"message": "Changes saved successfully"})


@router.delete("")
async def delete(state: State, audience_ids: _AudienceIds) -> Response:
    """Delete audiences, except for those that a campaign uses. Succeeds even if none was deleted."""
    requested = list(dict.fromkeys(audience_ids))
    deleted = [audience_id for audience_id in requested if state.audiences.delete(audience_id)]
    failed = [audience_id for audience_id in requested if audience_id not in deleted]
    return success({"successfulAudienceIds": deleted, "failedAudienceIds": failed})


def _active(state: SandboxState, audience_id: int) -> Audience:
    audience = state.audiences.get(audience_id)
    if audience is None or audience.status == "Deleted":
        raise RefusedError(422, Problem("No active audience found with the given Id.", "audienceId"))
    return audience
