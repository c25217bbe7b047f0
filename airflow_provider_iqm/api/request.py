"""A request to IQM as data, the same for every HTTP client."""

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

    :param purpose: What the request is for, as error messages say it: "log in", "read audience 17".
    :param method: The HTTP method.
    :param path: The path below the API's base URL.
    :param params: The query's parameters.
    :param headers: Headers of this request's own. The body's media type is among them.
    :param body: The body; an upload's is a form, since its file is streamed.
    :param repeatable: Whether it is safe to send the request again when nobody knows what became of it.
    :param optional: Whether the task can do without the answer: it is requested once, without retries.
    :param authenticates: Whether the request is the login itself, so that a refusal is about the credentials.
    :param names_audience: Whether the path names an audience, so that HTTP 404 means that there is none.
    :param partial_success: The field of the data that lists what failed, where HTTP 200 with ``success: false`` can
        mean that the rest succeeded.
    :param arguments: Which argument of the user's each field of the body is made of, for what IQM complains of.
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
        """Return the same request with more headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True)
class Call(Generic[Result]):
    """
    A request, and how to read the data of its answer.

    :param request: What to send.
    :param read: Makes the result of what the answer's envelope held; raises ``KeyError``, ``TypeError`` or
        ``ValueError`` where that is not as documented.
    :param alternative: What to send instead where the account's API does not know the request (HTTP 404 or
        405): IQM's documents don't agree on every call.
    """

    request: Request
    read: Callable[[Any], Result]
    alternative: Call[Result] | None = None


MAX_HEADER = 8000
"""The longest value of a header; servers take no much longer ones."""


def fits_header(value: object) -> bool:
    """
    Return whether a value can be in a header: visible ASCII characters, so that it can't begin another header.

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
