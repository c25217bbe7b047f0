"""Authentication: API client, access token and workspace (contract, "Rules that hold for every call")."""

import base64
import binascii
from secrets import compare_digest
from typing import Annotated

from fastapi import Depends, Request

from airflow_provider_iqm.sandbox.answers import RefusedError
from airflow_provider_iqm.sandbox.state.state import SandboxState


async def _state(request: Request) -> SandboxState:
    state: SandboxState = request.app.state.sandbox
    return state


State = Annotated[SandboxState, Depends(_state)]


async def require_client(request: Request, state: State) -> None:
    """
    Check the ``Authorization: Basic`` header of a login.

    :param request: the request.
    :param state: the sandbox's state.
    """
    try:
        sent = base64.b64decode(_credentials(request, "basic"), validate=True)
    except (binascii.Error, ValueError) as broken:
        raise RefusedError(401, "The Authorization header is not well-formed Basic authentication.") from broken
    right = f"{state.settings.client_id}:{state.settings.client_secret}"
    if not compare_digest(sent, right.encode()):
        raise RefusedError(401, "Unknown client id, or wrong client secret.")


async def require_token(request: Request, state: State) -> str:
    """
    Check the access token and its workspace, and return the token.

    :param request: the request.
    :param state: the sandbox's state.
    """
    token = _credentials(request, "bearer")
    if not state.tokens.accepts(token):
        raise RefusedError(401, "The access token is unknown or has expired.")
    ow_id = request.headers.get("x-iaa-ow-id")
    if ow_id is None:
        raise RefusedError(400, "The header X-IAA-OW-ID is required.")
    if ow_id != str(state.settings.ow_id):
        raise RefusedError(403, "X-IAA-OW-ID is not the workspace that the access token belongs to.")
    return token


def _credentials(request: Request, scheme: str) -> str:
    sent, _, credentials = request.headers.get("authorization", "").partition(" ")
    if sent.lower() != scheme:
        raise RefusedError(401, f"An Authorization header with the scheme {scheme.capitalize()} is required.")
    return credentials.strip()


Token = Annotated[str, Depends(require_token)]
