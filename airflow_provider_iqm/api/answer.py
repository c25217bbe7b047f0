"""Parses IQM's responses: both envelopes, errors inside HTTP 200, and error pages of proxies."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_iqm.api.answer_body import decode_body, parse_json
from airflow_provider_iqm.api.login_advice import login_advice
from airflow_provider_iqm.api.values import UNREADABLE
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    IQMAccountOnHoldError,
    IQMApiError,
    IQMAuthenticationError,
    IQMInvalidAnswerError,
    IQMRateLimitError,
    IQMRequestError,
    IQMServerError,
)

if TYPE_CHECKING:
    from airflow_provider_iqm.api.request import Call, Request, Result

MAX_DETAIL = 500
"""The maximum length of IQM's message in an error."""

MAX_ERRORS = 20
"""The maximum number of errors of one response that are reported."""

MAX_STATUS = 599
"""The largest HTTP status; a larger ``statusCode`` counts as this one."""

PROXY_AUTHENTICATION_REQUIRED = 407

MAX_RETRY_AFTER = 7 * 24 * 60 * 60.0
"""The longest ``Retry-After`` in seconds; a longer one counts as this one."""

_NO_AUDIENCE = "no active audience found"
"""The message of v3's HTTP 422 for an unknown audience (reference, "Get matched audience details")."""

_UNREADABLE = object()


@dataclass(frozen=True)
class Answer:
    """
    A response, independent of the HTTP client.

    :param status: The HTTP status.
    :param headers: The headers, case-insensitive.
    :param body: The whole body, compressed if the header ``Content-Encoding`` says so.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_envelope(answer: Answer, request: Request) -> Any:
    """
    Return the data in a response's envelope, or raise the error that it reports.

    There are two envelopes, ``{"success", "data", "errorObjects"}`` and ``{"statusCode", "responseObject"}``; a
    renewed token has none (contract, "two envelopes" and "renew").

    :raises IQMApiError: The response reports an error, with any HTTP status.
    :raises AnswerTooLargeError: The response is too large.
    """
    answer, document = _parse(answer)
    if document is _UNREADABLE and answer.status < 300:
        raise IQMInvalidAnswerError(
            f"Failed to {request.purpose}: the response isn't JSON but {_describe_body(answer)}. It may be from a "
            "proxy: check the connection's host, then retry.",
            status=answer.status,
        )
    status = answer.status
    data = document
    if isinstance(document, dict):
        if "statusCode" in document:
            data = document.get("responseObject")
            status = max(status, _as_status(document["statusCode"]))
        elif "success" in document:
            data = document.get("data")
            failed = document["success"] is not True and not _is_partial_success(status, document, request)
            if failed and status < 300:
                status = 400
    if status >= 300:
        _raise_error(status, document, data, answer, request)
    return data


def _is_partial_success(status: int, document: Mapping[str, Any], request: Request) -> bool:
    """Return whether the response lists which parts of the request failed."""
    data = document.get("data")
    failed = data.get(request.partial_success) if request.partial_success and isinstance(data, dict) else None
    return status == 200 and document["success"] is False and isinstance(failed, dict) and bool(failed)


def _parse(answer: Answer) -> tuple[Answer, Any]:
    """Return a response with its body decompressed, and its JSON document."""
    body = answer.body
    try:
        body = decode_body(answer.body, answer.headers.get("Content-Encoding", ""))
        document = parse_json(body)
    except (ValueError, RecursionError):
        document = _UNREADABLE
    return replace(answer, body=body), document


def read_result(call: Call[Result], data: Any) -> Result:
    """
    Return a call's result.

    :raises IQMInvalidAnswerError: The data is not as documented.
    """
    try:
        return call.read(data)
    except UNREADABLE as error:
        fault = _missing(error)
    raise IQMInvalidAnswerError(
        f"Failed to {call.request.purpose}: the response is not as documented: {fault}. Check that the connection's "
        "host is IQM's API.",
        status=200,
    )


def _missing(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return "a value is missing or has the wrong type"


def _raise_error(status: int, document: Any, data: Any, answer: Answer, request: Request) -> NoReturn:
    detail = _detail(document, request)[:MAX_DETAIL]
    message = f": {detail}" if detail else f" with {_describe_body(answer)}" if document is _UNREADABLE else ""
    what = f"Failed to {request.purpose}: IQM returned HTTP {status}{message}"
    what = what if what.endswith((".", "!", "?")) else f"{what}."
    from_iqm = _has_envelope(document)
    error = _error_class(status, data, detail, request, from_iqm=from_iqm)
    advice = _advice(error, status, document, data, detail, request)
    raise error(
        f"{what} {advice}".rstrip(),
        status=status,
        detail=detail,
        retry_after=_retry_after(answer.headers),
        from_iqm=from_iqm,
    )


def _has_envelope(document: Any) -> bool:
    """Return whether a response has one of IQM's two envelopes, so that it isn't from a proxy."""
    if not isinstance(document, dict):
        return False
    if "statusCode" in document:
        return "responseObject" in document
    return isinstance(document.get("success"), bool) and not document.keys().isdisjoint(
        ("data", "errorObjects", "error")
    )


def _error_class(status: int, data: Any, detail: str, request: Request, *, from_iqm: bool) -> type[IQMApiError]:
    if status == 429:
        return IQMRateLimitError
    if status == 408 or status >= 500:
        return IQMServerError
    if status < 400 or status == PROXY_AUTHENTICATION_REQUIRED:
        return IQMRequestError
    if request.authenticates or status == 401:
        on_hold = isinstance(data, dict) and bool(data.get("status"))
        return IQMAccountOnHoldError if on_hold else IQMAuthenticationError
    if request.names_audience and (status == 404 or (status == 422 and _NO_AUDIENCE in detail.casefold())):
        # A proxy that lost its route to IQM returns 404, too.
        return AudienceNotFoundError if from_iqm else IQMInvalidAnswerError
    return IQMRequestError


def _advice(error: type[IQMApiError], status: int, document: Any, data: Any, detail: str, request: Request) -> str:
    """Return what to do."""
    if error is IQMAccountOnHoldError:
        reason = _clean_text(data.get("reason")) or "IQM gave no reason."
        support = _clean_text(data.get("supportEmail")) or "IQM's support"
        return f'The account\'s status is "{_clean_text(data["status"])}": {reason} Contact {support}.'
    if error is IQMAuthenticationError and not request.authenticates:
        return "IQM rejected a new token: check the connection's workspace host and ow_id."
    if error is IQMAuthenticationError:
        return login_advice(status, document, detail, request.headers)
    if error is IQMRateLimitError:
        return "The account's rate limit is used up: run all of its tasks in one pool, and retry in a minute."
    if error is IQMServerError:
        if not request.repeatable:
            return "IQM may have processed it anyway."
        return "Retry later."
    if error is IQMInvalidAnswerError:
        return "The response may be from a proxy: check the connection's host, then retry."
    if error is AudienceNotFoundError:
        return "Check the audience ID, and that the audience is in the connection's workspace."
    if status == 403 and "X-IAA-OW-ID" in request.headers:
        return (
            f"The user isn't allowed to do this in workspace {request.headers['X-IAA-OW-ID']}. Check the connection's "
            "organization workspace ID (ow_id), or request the permission from IQM."
        )
    if status < 400:
        return "Redirects aren't followed: set the connection's host to the API's URL."
    if status == PROXY_AUTHENTICATION_REQUIRED:
        return 'The proxy requires a user and a password: add them to its URL in the connection\'s extra "proxies".'
    if status == 413:
        return "The file is too large for IQM or for a proxy."
    if document is _UNREADABLE:
        return "The response may be from a proxy: check the connection's host."
    return "Not retryable: change the request."


def _detail(document: Any, request: Request) -> str:
    """Return IQM's error message, from any of the documented forms of errors."""
    if not isinstance(document, dict):
        return ""
    response = document.get("responseObject")
    if isinstance(response, dict) and (message := _clean_text(response.get("errorMsg"))):
        return message
    errors = document.get("errorObjects")
    if isinstance(errors, list):
        messages = [_error_object(item, request) for item in errors[:MAX_ERRORS] if isinstance(item, dict)]
        return "; ".join(filter(None, messages))
    if isinstance(document.get("error"), dict):
        return _error_object(document["error"], request)
    for key in ("error_description", "message", "error"):
        if isinstance(document.get(key), str):
            return _clean_text(document[key])
    return ""


def _clean_text(value: Any) -> str:
    """Return IQM's text, truncated and without control characters, which would break log lines."""
    if not isinstance(value, str | int | float):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in str(value)[:MAX_DETAIL])


def _error_object(item: Mapping[str, Any], request: Request) -> str:
    texts = [text for key in ("error", "message", "reason") if (text := _clean_text(item.get(key)))]
    message = " ".join(text if text.endswith(".") else f"{text}." for text in texts)
    field = _clean_text(item.get("field"))
    if not field:
        return message
    # Such as columnMappings[0].dataFormatId: use the innermost known name.
    names = re.findall(r"\w+", field)[::-1]
    argument = next((request.arguments[name] for name in names if name in request.arguments), None)
    return f"{field}{f' (the argument {argument})' if argument else ''}: {message}"


def _describe_body(answer: Answer) -> str:
    if not answer.body.strip():
        return "an empty body"
    if b"<html" in answer.body[:1000].lower() or "html" in answer.headers.get("Content-Type", ""):
        return "an HTML page"
    return "something else (truncated, or not from IQM)"


def _as_status(value: Any) -> int:
    try:
        return min(int(value), MAX_STATUS)
    except (TypeError, ValueError, OverflowError):
        return 0


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a ``Retry-After`` header, a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            seconds = (moment - datetime.now(UTC)).total_seconds()
        except UNREADABLE:
            return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), MAX_RETRY_AFTER)
