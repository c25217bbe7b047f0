"""IQM's two response envelopes, and the error that is rendered in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

# Calls under /api/v3 that use the classic envelope (quickstart, step 2).
_CLASSIC_CALLS = frozenset({("POST", "/api/v3/audience/static/matched/column-list")})


@dataclass(frozen=True)
class Problem:
    """
    One problem with a request.

    :param message: the message; never contains a value of the file.
    :param field: the field or parameter; only in v3's envelope.
    """

    message: str
    field: str | None = None


class RefusedError(Exception):
    """
    An invalid request, answered with an HTTP error.

    :param status: HTTP status.
    :param problems: at least one message or ``Problem``.
    """

    def __init__(self, status: int, *problems: str | Problem) -> None:
        self.status = status
        self.problems = [Problem(each) if isinstance(each, str) else each for each in problems]
        super().__init__(self.problems[0].message)


def classic(response_object: Any, status: int = 200) -> Response:
    """
    Return a response in the classic envelope.

    :param response_object: content of ``responseObject``.
    :param status: HTTP status, which the envelope repeats.
    """
    return JSONResponse({"statusCode": status, "responseObject": response_object}, status)


def success(data: Any) -> Response:
    """
    Return a successful response in v3's envelope.

    :param data: content of ``data``.
    """
    return JSONResponse({"success": True, "data": data})


def error(method: str, path: str, status: int, problems: Sequence[Problem]) -> Response:
    """
    Return an error in the envelope of the call.

    :param method: HTTP method.
    :param path: path.
    :param status: HTTP status.
    :param problems: the problems; the classic envelope only shows the first one.
    """
    if path.startswith("/api/v3/") and (method, path) not in _CLASSIC_CALLS:
        return JSONResponse({"success": False, "errorObjects": [_error_object(each) for each in problems]}, status)
    return classic({"errorMsg": problems[0].message, "errorCode": status}, status)


def _error_object(problem: Problem) -> dict[str, str]:
    return {"error": problem.message} | ({"field": problem.field} if problem.field else {})
