"""The request log: what tests need to know about API requests, without secrets."""

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

# Key of the current request's record in an ASGI scope.
RECORD_KEY = "airflow_provider_iqm.sandbox.record"

# A sandbox may run for weeks: older requests are dropped.
REMEMBERED = 50_000


@dataclass
class RequestRecord:
    """
    One request. It is logged when it arrives; fields that aren't known yet are None.

    :param number: sequence number of the request.
    :param method: the HTTP method.
    :param path: the path.
    :param query: the query string.
    :param header_names: names of the headers, in lower case.
    :param authorization: the scheme of the ``Authorization`` header (``Basic``, ``Bearer``); None without one.
    :param content_type: the media type of the body, without parameters.
    :param content_length: ``Content-Length`` in bytes; None without one.
    :param chunked: whether the body came with ``Transfer-Encoding: chunked``.
    :param client_port: the client's port; requests on the same connection have the same port.
    :param monotonic: arrival, in seconds of the machine's monotonic clock.
    :param time: arrival, in seconds since the epoch.
    :param seconds: duration in seconds.
    :param body_bytes: bytes of the body that were read.
    :param status: HTTP status of the response; None if none was sent.
    :param limited: whether it was over the rate limit.
    :param fault: kind of the injected fault.
    :param late: seconds until an upload's audience exists after the gateway has answered.
    """

    number: int
    method: str
    path: str
    query: str
    header_names: list[str]
    authorization: str | None
    content_type: str | None
    content_length: int | None
    chunked: bool
    client_port: int | None
    monotonic: float = field(default_factory=time.monotonic)
    time: float = field(default_factory=time.time)
    seconds: float | None = None
    body_bytes: int = 0
    status: int | None = None
    limited: bool = False
    fault: str | None = None
    late: float = 0.0


class Journal:
    """The requests that a sandbox received."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._records: deque[RequestRecord] = deque(maxlen=REMEMBERED)

    def open(self, scope: Scope) -> RequestRecord:
        """
        Add a request.

        :param scope: its ASGI scope.
        """
        headers = Headers(scope=scope)
        length = headers.get("content-length")
        record = RequestRecord(
            number=next(self._numbers),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            header_names=sorted(set(headers.keys())),
            authorization=headers.get("authorization", "").partition(" ")[0] or None,
            content_type=headers.get("content-type", "").partition(";")[0].strip() or None,
            content_length=int(length) if length is not None else None,
            chunked="chunked" in headers.get("transfer-encoding", "").lower(),
            client_port=scope["client"][1] if scope.get("client") else None,
        )
        self._records.append(record)
        return record

    def all(self) -> list[RequestRecord]:
        """Return the requests, oldest first."""
        return list(self._records)

    def clear(self) -> None:
        """Remove all requests."""
        self._records.clear()


def record_of(scope: Scope) -> RequestRecord:
    """
    Return the record of the current request.

    :param scope: its ASGI scope.
    """
    record: RequestRecord = scope[RECORD_KEY]
    return record


class JournalMiddleware:
    """
    Adds each request to the journal.

    :param app: application that answers the requests.
    :param journal: the journal.
    """

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and record it."""
        record = scope[RECORD_KEY] = self._journal.open(scope)
        gone = False

        async def recording_receive() -> Message:
            nonlocal gone
            message = await receive()
            record.body_bytes += len(message.get("body", b""))
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def recording_send(message: Message) -> None:
            if message["type"] == "http.response.start" and not gone:
                record.status = message["status"]
            await send(message)

        try:
            await self._app(scope, recording_receive, recording_send)
        finally:
            record.seconds = time.monotonic() - record.monotonic
            log.info("%s %s -> %s", record.method, record.path, record.status or "no response")
