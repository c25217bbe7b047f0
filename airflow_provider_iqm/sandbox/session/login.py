"""Login, token renewal, logout (quickstart, step 1; contract, "log in", "renew", "log out")."""

import json
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from airflow_provider_iqm.sandbox.answers import RefusedError, success
from airflow_provider_iqm.sandbox.body import read_body
from airflow_provider_iqm.sandbox.session.access import State, Token, require_client
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.state.tokens import TokenPair

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
    workspace = _workspace(request)
    body = await _json_body(request)
    for name in ("grantType", "email", "password"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise RefusedError(400, f"{name} is required.")
    if body["grantType"] != "password":
        raise RefusedError(400, "grantType must be password.")
    return _log_in(state, body["email"], body["password"], workspace)


@router.post("/oauth/token")
async def token(request: Request, state: State, _client: Client) -> Response:
    """Start a session in the v3 flow, or exchange a refresh token for new tokens."""
    form = await _form_body(request)
    match form.get("grant_type"):
        case "password":
            return _log_in(state, _required(form, "username"), _required(form, "password"), _workspace(request))
        case "refresh_token":
            return _renew(state, _required(form, "refresh_token"))
    raise RefusedError(400, "grant_type must be password or refresh_token.")


def _log_in(state: SandboxState, email: str, password: str, workspace: str) -> Response:
    settings = state.settings
    if (email, password, workspace) != (settings.email, settings.password, settings.workspace_host):
        raise RefusedError(403, _UNKNOWN)
    if settings.on_hold:
        return JSONResponse(_ON_HOLD, 400)
    tokens = _token_object(state.tokens.issue(settings.token_seconds))
    return success(tokens | ({"owId": settings.ow_id} if settings.login_ow_id else {}))


def _renew(state: SandboxState, refresh_token: str) -> Response:
    """Renew a token: without ``owId``, and in an envelope depending on a setting."""
    pair = state.tokens.renew(refresh_token, state.settings.token_seconds)
    if pair is None:
        raise RefusedError(401, "The refresh token is unknown, or has already been used.")
    tokens = _token_object(pair)
    return success(tokens) if state.settings.wrap_renewed_token else JSONResponse(tokens)


def _workspace(request: Request) -> str:
    workspace = request.headers.get("x-iaa-host")
    if not workspace:
        raise RefusedError(400, "The header X-IAA-HOST is required.")
    return workspace


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise RefusedError(400, f"{name} is required.")
    return form[name]


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


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await read_body(request, "application/json"))
    except (ValueError, RecursionError) as broken:
        raise RefusedError(400, "The body is not well-formed JSON.") from broken
    if not isinstance(body, dict):
        raise RefusedError(400, "The body must be a JSON object.")
    return body


async def _form_body(request: Request) -> dict[str, str]:
    try:
        text = (await read_body(request, "application/x-www-form-urlencoded")).decode()
        fields = parse_qs(text, keep_blank_values=True, strict_parsing=True)
    except ValueError as broken:
        raise RefusedError(400, "The body is not a well-formed form.") from broken
    if any(len(values) > 1 for values in fields.values()):
        raise RefusedError(400, "The form has a duplicate field.")
    return {name: values[0] for name, values in fields.items()}
