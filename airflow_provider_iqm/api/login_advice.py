"""Determines which fields of the connection to correct after a failed login."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CLIENT_ERRORS = {"invalid_client", "unauthorized_client"}
USER_ERROR = "invalid_grant"
"""OAuth's error codes for a wrong client and for a wrong password (RFC 6749, 5.2)."""


def login_advice(status: int, document: Any, detail: str, headers: Mapping[str, str]) -> str:
    """
    Return what to check, as precisely as IQM's response allows.

    The only refusal that IQM documents for a user is HTTP 403, "User doesn't exist or user is not allowed to provided
    workspace": it covers an unknown email and a wrong workspace, and doesn't mention the password.

    :param status: The HTTP status.
    :param document: The response.
    :param detail: IQM's message.
    :param headers: The headers of the login.
    """
    code = str(document.get("error")) if isinstance(document, Mapping) else ""
    message = detail.casefold()
    if status in (404, 405):
        return "Check the connection's host: there is no login endpoint at this URL."
    if code == USER_ERROR or (re.search("password|bad credentials", message) and "workspace" not in message):
        return "Check the connection's email and password."
    if status == 401 or code in CLIENT_ERRORS or re.search("client.?(id|secret)", message):
        return "Check the connection's client ID and client secret."
    if status == 403:
        return (
            "IQM doesn't say which of email, password and workspace host is wrong. Log in to IQM in a browser with the "
            "connection's email and password: if that fails, correct them; if it works, replace the workspace host "
            f'"{headers.get("X-IAA-HOST", "")}" with the host name in the browser\'s address bar.'
        )
    return "Check the connection's email, password and workspace host."
