"""Middleware of API requests: rate limit and fault injection."""

import asyncio
import contextlib
import json
import math
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_iqm.sandbox.answers import Problem, error
from airflow_provider_iqm.sandbox.connection import abort_connection, close_connection, wait_for_disconnect
from airflow_provider_iqm.sandbox.state.faults import Fault
from airflow_provider_iqm.sandbox.state.journal import record_of
from airflow_provider_iqm.sandbox.state.state import SandboxState

_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>\n"
_PROXY_STATUSES = frozenset({502, 503, 504})


class RateLimitMiddleware:
    """
    Answers requests over the account's rate limit with 429 (quickstart, "Best Practices").

    :param app: application that answers the other requests.
    :param state: the sandbox's state.
    """

    def __init__(self, app: ASGIApp, state: SandboxState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 429."""
        settings = self._state.settings
        wait = self._state.window.admit(settings.requests_per_minute, settings.rate_limit_window)
        if wait is None:
            await self._app(scope, receive, send)
            return
        record_of(scope).limited = True
        answer = error(scope["method"], scope["path"], 429, [Problem("Too many requests.")])
        if settings.retry_after:
            answer.headers["Retry-After"] = str(max(1, math.ceil(wait)))
        await answer(scope, receive, send)


class FaultMiddleware:
    """
    Injects faults.

    :param app: application that answers the requests.
    :param state: the sandbox's state.
    """

    def __init__(self, app: ASGIApp, state: SandboxState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with or without a fault."""
        fault = self._state.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        record = record_of(scope)
        record.fault = fault.kind
        record.late = fault.seconds if fault.kind == "status_before_work" else 0.0
        match fault.kind:
            case "status" | "html":
                await _drain(receive)
                await _answer(fault, scope)(scope, receive, send)
            case "hang":
                await wait_for_disconnect(receive)
            case "drop_before":
                await abort_connection(scope, receive)
            case "drop_mid_body":
                await _read_part(fault, scope, receive)
                await abort_connection(scope, receive)
            case _:
                await self._after_work(fault, scope, receive, send)

    async def _after_work(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        match fault.kind:
            case "status_after_work" | "status_before_work":
                await _answer(fault, scope)(scope, receive, send)
            case "slow":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wait_for_disconnect(receive), fault.seconds)
                for message in answer:
                    await send(message)
            case "truncate":
                await _send_half(answer, send)
                await close_connection(scope, receive)
            case "drop_after":
                await abort_connection(scope, receive)
            case _:
                await wait_for_disconnect(receive)


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


async def _read_part(fault: Fault, scope: Scope, receive: Receive) -> None:
    record = record_of(scope)
    enough = fault.after_bytes or (record.content_length or 2) // 2
    while record.body_bytes < enough and (await receive()).get("more_body"):
        pass


async def _send_half(answer: list[Message], send: Send) -> None:
    start, *rest = answer
    body = b"".join(message.get("body", b"") for message in rest)
    # Content-Length is still that of the whole body.
    await send(start)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


def _answer(fault: Fault, scope: Scope) -> Response:
    status = fault.status or {"html": 502, "status_after_work": 504, "status_before_work": 504}.get(fault.kind, 500)
    if fault.body is None:
        if fault.kind != "html" and status not in _PROXY_STATUSES:
            answer = error(scope["method"], scope["path"], status, [Problem(HTTPStatus(status).phrase)])
        else:
            answer = Response(_PAGE.format(f"{status} {HTTPStatus(status).phrase}"), status, media_type="text/html")
    elif isinstance(fault.body, str):
        media_type = "text/html" if fault.body.lstrip().startswith("<") else "text/plain"
        answer = Response(fault.body, status, media_type=media_type)
    else:
        answer = Response(json.dumps(fault.body), status, media_type="application/json")
    answer.headers.update(fault.headers)
    return answer
