"""Reads IQM's answers: both envelopes, errors inside HTTP 200, and what proxies say instead of IQM."""

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
"""How many characters of IQM's own words an error repeats at most."""

MAX_ERRORS = 20
"""How many of the errors in an answer are looked at."""

MAX_STATUS = 599
"""The largest HTTP status; a larger ``statusCode`` is taken for it."""

PROXY_AUTHENTICATION_REQUIRED = 407

MAX_NUMBER = 2**63
"""No number in an answer is as large, so that any database can keep it."""

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What a parser may raise that meets with a document of another shape."""

MAX_RETRY_AFTER = 7 * 24 * 60 * 60.0
"""The longest ``Retry-After`` in seconds; a longer one is taken for this."""

_NO_AUDIENCE = "no active audience found"
"""How v3 says that there is no such audience: by HTTP 422 (reference, "Get matched audience details")."""

_UNREADABLE = object()


@dataclass(frozen=True)
class Answer:
    """
    What came back, as any HTTP client gives it.

    :param status: The HTTP status.
    :param headers: The headers, looked up in any letter case.
    :param body: The whole body, as it was sent: compressed, where the header ``Content-Encoding`` says so.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_envelope(answer: Answer, request: Request) -> Any:
    """
    Return the data that an answer's envelope holds, or raise the error that it reports.

    There are two envelopes, ``{"success", "data", "errorObjects"}`` and ``{"statusCode", "responseObject"}``; a
    renewed token comes without one (contract, "two envelopes" and "renew").

    :raises IQMApiError: the error that the answer stands for, whatever its HTTP status.
    :raises AnswerTooLargeError: it is too large.
    """
    answer, document = _parse(answer)
    if document is _UNREADABLE and answer.status < 300:
        raise IQMInvalidAnswerError(
            f"IQM's answer was no JSON but {_describe_body(answer)}, when asked to {request.purpose}. A proxy may have "
            "answered in IQM's place: check the connection's host, then try again.",
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
    """Return whether an answer reports a failure only of some of what was asked for, and says which."""
    data = document.get("data")
    failed = data.get(request.partial_success) if request.partial_success and isinstance(data, dict) else None
    return status == 200 and document["success"] is False and isinstance(failed, dict) and bool(failed)


def _parse(answer: Answer) -> tuple[Answer, Any]:
    """Return an answer with its body decompressed, and the JSON document in it."""
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

    :raises IQMInvalidAnswerError: where the data is not as documented.
    """
    try:
        return call.read(data)
    except UNREADABLE as error:
        fault = _missing(error)
    raise IQMInvalidAnswerError(
        f"IQM's answer is not as documented: {fault}, when asked to {call.request.purpose}. Check that the "
        "connection's host is IQM's API.",
        status=200,
    )


def number_or_none(value: Any, kind: type[Any]) -> Any:
    """
    Return a number that an answer may leave out, which some write as text.

    :raises ValueError: It is infinite, or larger than anything that is counted.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        raise TypeError("a truth value")
    number = kind(value)
    if not -MAX_NUMBER < number < MAX_NUMBER:
        raise ValueError("not a finite number")
    return number


def _missing(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return "a value is missing or of another type"


def _raise_error(status: int, document: Any, data: Any, answer: Answer, request: Request) -> NoReturn:
    detail = _detail(document, request)[:MAX_DETAIL]
    said = f": {detail}" if detail else f" with {_describe_body(answer)}" if document is _UNREADABLE else ""
    what = f"IQM answered HTTP {status} when asked to {request.purpose}{said}"
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
    """Return whether an answer has one of IQM's two envelopes, which proxies don't know."""
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
        # A proxy that lost its route to IQM answers 404, too.
        return AudienceNotFoundError if from_iqm else IQMInvalidAnswerError
    return IQMRequestError


def _advice(error: type[IQMApiError], status: int, document: Any, data: Any, detail: str, request: Request) -> str:
    """Return what the reader should do now."""
    if error is IQMAccountOnHoldError:
        reason = _words(data.get("reason")) or "IQM gave no reason."
        support = _words(data.get("supportEmail")) or "IQM's support"
        return f'The account\'s status is "{_words(data["status"])}": {reason} Write to {support}.'
    if error is IQMAuthenticationError and not request.authenticates:
        return "IQM refuses a token that is new: check the connection's workspace host and ow_id."
    if error is IQMAuthenticationError:
        return login_advice(status, document, detail, request.headers)
    if error is IQMRateLimitError:
        return "The account's limit of requests is used up: give its tasks one pool, and try again in a minute."
    if error is IQMServerError:
        if not request.repeatable:
            return "It is not known whether IQM did it all the same."
        return "Nothing is wrong with the request: try again later."
    if error is IQMInvalidAnswerError:
        return "A proxy may have answered in IQM's place: check the connection's host, then try again."
    if error is AudienceNotFoundError:
        return "Check the audience's id, and that it belongs to the connection's workspace."
    if status == 403 and "X-IAA-OW-ID" in request.headers:
        return (
            f"The user isn't allowed to do this in workspace {request.headers['X-IAA-OW-ID']}. Check the connection's "
            "organization workspace ID (ow_id), or ask IQM for the permission."
        )
    if status < 400:
        return "The client follows no redirects: put the API's own address into the connection's host."
    if status == PROXY_AUTHENTICATION_REQUIRED:
        return 'A proxy wants a user and a password: put them into its address, in the connection\'s extra "proxies".'
    if status == 413:
        return "The file is too large for IQM or for a proxy on the way."
    if document is _UNREADABLE:
        return "A proxy may have answered in IQM's place: check the connection's host."
    return "Change the request: sending the same again can't succeed."


def _detail(document: Any, request: Request) -> str:
    """Return IQM's own words, from whichever shape of error they came in."""
    if not isinstance(document, dict):
        return ""
    response = document.get("responseObject")
    if isinstance(response, dict) and (said := _words(response.get("errorMsg"))):
        return said
    errors = document.get("errorObjects")
    if isinstance(errors, list):
        said_of_each = [_error_object(item, request) for item in errors[:MAX_ERRORS] if isinstance(item, dict)]
        return "; ".join(filter(None, said_of_each))
    if isinstance(document.get("error"), dict):
        return _error_object(document["error"], request)
    for key in ("error_description", "message", "error"):
        if isinstance(document.get(key), str):
            return _words(document[key])
    return ""


def _words(value: Any) -> str:
    """Return a text of IQM's, cut off, and without control characters, which would break a log's lines."""
    if not isinstance(value, str | int | float):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in str(value)[:MAX_DETAIL])


def _error_object(item: Mapping[str, Any], request: Request) -> str:
    words = [said for key in ("error", "message", "reason") if (said := _words(item.get(key)))]
    said = " ".join(word if word.endswith(".") else f"{word}." for word in words)
    field = _words(item.get("field"))
    if not field:
        return said
    # Such as columnMappings[0].dataFormatId: the innermost name that is known.
    names = re.findall(r"\w+", field)[::-1]
    argument = next((request.arguments[name] for name in names if name in request.arguments), None)
    return f"{field}{f' (the argument {argument})' if argument else ''}: {said}"


def _describe_body(answer: Answer) -> str:
    if not answer.body.strip():
        return "an empty body"
    if b"<html" in answer.body[:1000].lower() or "html" in answer.headers.get("Content-Type", ""):
        return "an HTML page, as proxies send it"
    return "something else (cut off, or not from IQM)"


def _as_status(value: Any) -> int:
    try:
        return min(int(value), MAX_STATUS)
    except (TypeError, ValueError, OverflowError):
        return 0


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which may be a number or a date (RFC 9110, 10.2.3)."""
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
