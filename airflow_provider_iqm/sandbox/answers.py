"""The two envelopes of IQM's answers, and the error that becomes one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

# Calls below /api/v3 that answer in the older envelope all the same (quickstart, step 2).
_CLASSIC_CALLS = frozenset({("POST", "/api/v3/audience/static/matched/column-list")})


@dataclass(frozen=True)
class Problem:
    """
    One thing that is wrong with a request.

    :param message: what is wrong; never a cell's value.
    :param field: the field or parameter that it is about; only the newer envelope can say so.
    """

    message: str
    field: str | None = None


class RefusedError(Exception):
    """
    A request that IQM refuses.

    :param status: the HTTP status.
    :param problems: what is wrong: at least one text or ``Problem``.
    """

    def __init__(self, status: int, *problems: str | Problem) -> None:
        self.status = status
        self.problems = [Problem(each) if isinstance(each, str) else each for each in problems]
        super().__init__(self.problems[0].message)


def classic(response_object: Any, status: int = 200) -> Response:
    """
    Return an answer in the envelope of the older calls.

    :param response_object: what ``responseObject`` holds.
    :param status: the HTTP status, which the envelope repeats.
    """
    return JSONResponse({"statusCode": status, "responseObject": response_object}, status)


def success(data: Any) -> Response:
    """
    Return a good answer in the envelope of the newer calls.

    :param data: what ``data`` holds.
    """
    return JSONResponse({"success": True, "data": data})


def error(method: str, path: str, status: int, problems: Sequence[Problem]) -> Response:
    """
    Return an error in the envelope that the call uses.

    :param method: the call's HTTP method.
    :param path: the call's path.
    :param status: the HTTP status.
    :param problems: what is wrong; the older envelope has room for the first.
    """
    if path.startswith("/api/v3/") and (method, path) not in _CLASSIC_CALLS:
        return JSONResponse({"success": False, "errorObjects": [_error_object(each) for each in problems]}, status)
    return classic({"errorMsg": problems[0].message, "errorCode": status}, status)


def _error_object(problem: Problem) -> dict[str, str]:
    return {"error": problem.message} | ({"field": problem.field} if problem.field else {})
