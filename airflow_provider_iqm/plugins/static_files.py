"""Serves the static files of the page "IQM audiences"."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.staticfiles import StaticFiles

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STATIC = Path(__file__).parent / "static"
HEADERS = [
    # After an upgrade, the browser must not mix old and new modules.
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
]

log = logging.getLogger(__name__)


async def serve_static_files(scope: Message, receive: Receive, send: Send) -> None:
    """
    Serve the page's files: an ASGI application that Airflow's API server mounts.

    It imports and opens what it needs on the first request, so an error affects only the page: the API server starts,
    and the response is an error 500.

    :param scope: The connection.
    :param receive: Receives the request's body.
    :param send: Sends the response.
    """
    started = False

    async def send_with_headers(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            message["headers"] = [*message["headers"], *HEADERS]
        await send(message)

    try:
        await _static_files()(scope, receive, send_with_headers)
    except Exception as error:
        if started or scope["type"] != "http" or _is_http_error(error):
            raise
        log.exception("The page IQM audiences can't be served")
        await _send_error(send)


@cache
def _static_files() -> StaticFiles:
    from starlette.staticfiles import StaticFiles

    return StaticFiles(directory=STATIC, html=True)


def _is_http_error(error: Exception) -> bool:
    """Return whether Airflow answers the error itself, such as a file that doesn't exist."""
    return hasattr(error, "status_code")


async def _send_error(send: Send) -> None:
    body = b"The page IQM audiences can't be served; the log of the API server has the reason."
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
