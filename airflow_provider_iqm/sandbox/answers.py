"""The two envelopes of IQM's answers, and the error that becomes one of them."""

from typing import Any

from starlette.responses import JSONResponse, Response

# Calls below /api/v3 that answer in the older envelope all the same (quickstart, step 2).
_CLASSIC_CALLS = frozenset({("POST", "/api/v3/audience/static/matched/column-list")})


class RefusedError(Exception):
    """
    A request that IQM refuses.

    :param status: the HTTP status.
    :param message: what is wrong; never a cell's value.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


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


def error(method: str, path: str, status: int, message: str) -> Response:
    """
    Return an error in the envelope that the call uses.

    :param method: the call's HTTP method.
    :param path: the call's path.
    :param status: the HTTP status.
    :param message: what is wrong.
    """
    if path.startswith("/api/v3/") and (method, path) not in _CLASSIC_CALLS:
        return JSONResponse({"success": False, "errorObjects": [{"error": message}]}, status)
    return classic({"errorMsg": message, "errorCode": status}, status)
