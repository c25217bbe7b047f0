"""Log-in, renewal, log-out (quickstart, step 1; contract, "log in", "renew", "log out")."""

import json
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from airflow_provider_iqm.sandbox.access import State, Token, require_client
from airflow_provider_iqm.sandbox.answers import RefusedError, success
from airflow_provider_iqm.sandbox.tokens import TokenPair

# Nobody's log-in is longer.
_MOST_BYTES = 64 * 1024
_ON_HOLD = {
    "success": False,
    "data": {
        "status": "On Hold",
        "reason": "The particular account is kept on hold due to missed payment dates for last 3 months.",
        "supportEmail": "support@iqm.com",
    },
    "errorObjects": [
        {
            "error": "User is not allowed to access provided customer",
            "reason": "User is not associated with any active organization.",
        }
    ],
}
_UNKNOWN = "User doesn't exist or user is not allowed to provided workspace."

router = APIRouter(prefix="/api/v3/ua")
Client = Annotated[None, Depends(require_client)]


@router.post("/login")
async def log_in(request: Request, state: State, _client: Client) -> Response:
    """Start a session."""
    workspace = request.headers.get("x-iaa-host")
    if not workspace:
        raise RefusedError(400, "The header X-IAA-HOST is required.")
    body = await _json_body(request)
    for name in ("grantType", "email", "password"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise RefusedError(400, f"{name} is required.")
    settings = state.settings
    if body["grantType"] != "password":
        raise RefusedError(400, "grantType must be password.")
    if (body["email"], body["password"], workspace) != (
        settings.email,
        settings.password,
        settings.workspace_host,
    ):
        raise RefusedError(403, _UNKNOWN)
    if settings.on_hold:
        return JSONResponse(_ON_HOLD, 400)
    return success({**_token_object(state.tokens.issue(settings.token_seconds)), "owId": settings.ow_id})


@router.post("/oauth/token")
async def renew(request: Request, state: State, _client: Client) -> Response:
    """Exchange a refresh token for new tokens. The answer has no ``owId``, and an envelope by a setting."""
    form = await _form_body(request)
    if form.get("grant_type") != "refresh_token":
        raise RefusedError(400, "grant_type must be refresh_token.")
    if "refresh_token" not in form:
        raise RefusedError(400, "refresh_token is required.")
    pair = state.tokens.renew(form["refresh_token"], state.settings.token_seconds)
    if pair is None:
        raise RefusedError(401, "The refresh token is unknown, or was used before.")
    tokens = _token_object(pair)
    return success(tokens) if state.settings.wrap_renewed_token else JSONResponse(tokens)


@router.post("/logout")
async def log_out(state: State, token: Token) -> Response:
    """End a session."""
    state.tokens.revoke(token)
    return success({"message": "Logged out successfully"})


def _token_object(pair: TokenPair) -> dict[str, Any]:
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "scope": "read write",
        "token_type": "bearer",
        "expires_in": pair.expires_in,
    }


async def _body(request: Request, media_type: str) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise RefusedError(400, f"The body must be {media_type}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece[: _MOST_BYTES + 1 - len(body)]
    if len(body) > _MOST_BYTES:
        raise RefusedError(400, f"The body is larger than {_MOST_BYTES} bytes.")
    return bytes(body)


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await _body(request, "application/json"))
    except (ValueError, RecursionError) as broken:
        raise RefusedError(400, "The body is not well-formed JSON.") from broken
    if not isinstance(body, dict):
        raise RefusedError(400, "The body must be a JSON object.")
    return body


async def _form_body(request: Request) -> dict[str, str]:
    try:
        text = (await _body(request, "application/x-www-form-urlencoded")).decode()
        fields = parse_qs(text, keep_blank_values=True, strict_parsing=True)
    except ValueError as broken:
        raise RefusedError(400, "The body is not a well-formed form.") from broken
    twice = [name for name, values in fields.items() if len(values) > 1]
    if twice:
        raise RefusedError(400, "A field of the form is there twice.")
    return {name: values[0] for name, values in fields.items()}
