"""A request to IQM, independent of the HTTP client."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from airflow_provider_iqm.api.upload_form import UploadForm

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    One HTTP request.

    :param purpose: The purpose of the request, for messages: "log in", "read audience 17".
    :param method: The HTTP method.
    :param path: The path below the API's base URL.
    :param params: The query parameters.
    :param headers: The headers of this request, including the body's media type.
    :param body: The body; an upload has a form, since its file is streamed.
    :param repeatable: Whether it is safe to send the request again if its outcome is unknown.
    :param optional: Whether the task can do without the response; the request isn't retried.
    :param authenticates: Whether the request is a login, so that a refusal is about the credentials.
    :param names_audience: Whether the path contains an audience, so that HTTP 404 means that it doesn't exist.
    :param partial_success: The field of the data that lists failures, if HTTP 200 with ``success: false`` can mean that
        the rest succeeded.
    :param arguments: Field of the body → the user's argument, for error messages.
    """

    purpose: str
    method: str
    path: str
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | UploadForm | None = field(default=None, repr=False)
    repeatable: bool = True
    optional: bool = False
    authenticates: bool = False
    names_audience: bool = False
    partial_success: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """Return a copy of the request with more headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True)
class Call(Generic[Result]):
    """
    A request, and a parser for the data of its response.

    :param request: The request.
    :param read: Parses the data in the response's envelope; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it
        isn't as documented.
    :param alternative: The call to make instead if the account's API doesn't know the request (HTTP 404 or 405):
        IQM's documents don't agree on every call.
    """

    request: Request
    read: Callable[[Any], Result]
    alternative: Call[Result] | None = None


MAX_HEADER = 8000
"""The maximum length of a header's value; servers don't accept much longer ones."""


def fits_header(value: object) -> bool:
    """
    Return whether a value can be in a header: only visible ASCII characters, so that it can't inject a header.

    :param value: The value.
    """
    return (
        isinstance(value, str)
        and len(value) <= MAX_HEADER
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def json_body(data: Any) -> tuple[bytes, dict[str, str]]:
    """Return the body and the header of a JSON request."""
    return json.dumps(data).encode(), {"Content-Type": "application/json"}


def form_body(data: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return the body and the header of a form-encoded request."""
    return urlencode(data).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def basic_authorization(user: str, password: str) -> str:
    """Return the value of a Basic ``Authorization`` header, in UTF-8 (RFC 7617) for any characters."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
