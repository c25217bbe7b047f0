"""Requests for tokens: the renewal, which is the same in all API versions, and a helper for logins."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_iqm.api.request import Call, Request, basic_authorization, form_body
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.token import Token

TOKEN_PATH = "/api/v3/ua/oauth/token"  # noqa: S105 - a path


def renewal(credentials: Credentials, refresh_token: str) -> Call[Token]:
    """Return the renewal of a token (contract, "renew")."""
    body, headers = form_body({"grant_type": "refresh_token", "refresh_token": refresh_token})
    return token_request("renew the token", TOKEN_PATH, credentials, body, headers)


def token_request(
    purpose: str, path: str, credentials: Credentials, body: bytes, headers: Mapping[str, str]
) -> Call[Token]:
    """
    Return a call that authenticates the API client and returns a token.

    :param purpose: The request's purpose.
    :param path: Its path.
    :param credentials: The credentials.
    :param body: Its body.
    :param headers: The body's headers.
    """
    authorization = {
        "Authorization": basic_authorization(credentials.client_id, credentials.client_secret),
        "X-IAA-HOST": credentials.workspace_host,
    }
    request = Request(
        purpose=purpose,
        method="POST",
        path=path,
        headers={**headers, **authorization},
        body=body,
        authenticates=True,
    )
    return Call(request, Token.from_answer)
