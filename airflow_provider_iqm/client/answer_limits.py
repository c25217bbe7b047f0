"""
Limits responses in ``requests``: a deadline for the whole response, and a maximum size.

``requests`` only has timeouts for single reads, so a server that sends a byte now and then could block it forever: in
the status line, in ``1xx`` responses, in headers and in the body. Here, the timeout of every read from the socket is at
most the time left until the deadline. No thread is involved.
"""

from __future__ import annotations

import functools
import http.client
import io
import time
from collections.abc import Sequence
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from airflow_provider_iqm.api.answer_body import MAX_ANSWER_BYTES, AnswerTooLargeError

if TYPE_CHECKING:
    import aiohttp

_PIECE_BYTES = 1 << 16

MAX_WIRE_BYTES = 2 * MAX_ANSWER_BYTES
"""The maximum size of a response including its headers and the framing of its chunks."""


class AnswerLimits:
    """
    The limits of one request; in the ``with`` block, they apply to requests of this thread.

    :param seconds: Seconds for the whole request.
    :param from_end_of_body: Whether they count from the end of the request's body, for uploads.
    """

    def __init__(self, seconds: float, *, from_end_of_body: bool = False) -> None:
        self.too_late = False
        self._seconds = seconds
        self._from_end_of_body = from_end_of_body
        self._ends = time.monotonic() + seconds
        self._bytes_left = MAX_WIRE_BYTES
        self._reset: Token[AnswerLimits | None]

    def __enter__(self) -> Self:
        """Start the clock."""
        self._ends = time.monotonic() + self._seconds
        self._reset = _limits.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        """End the limits."""
        _limits.reset(self._reset)

    def begin_answer(self) -> None:
        """Record that the request was sent."""
        if self._from_end_of_body:
            self._ends = time.monotonic() + self._seconds

    def time_left(self) -> float:
        """
        Return the seconds until the deadline.

        :raises TimeoutError: It has passed.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            self.too_late = True
            raise TimeoutError
        return left

    def take(self, count: int) -> None:
        """
        Record received bytes.

        :param count: The number of bytes.
        :raises AnswerTooLargeError: The response is too large.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise AnswerTooLargeError

    def read(self, response: requests.Response) -> bytes:
        """
        Read the body of a streamed response, without decompressing it.

        :param response: The response.
        :raises AnswerTooLargeError: The response is too large.
        :raises ProtocolError: The response isn't valid HTTP.
        """
        try:
            return self._read(response)
        except ValueError as error:
            # From urllib3, for a chunk of a negative size.
            raise ProtocolError("not HTTP") from error

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        # urllib3 would create a decoder for it, and fail for some values, even with decode_content=False.
        response.raw.headers.pop("Content-Encoding", None)
        for piece in response.raw.stream(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise AnswerTooLargeError
        return bytes(body)


async def read_in_event_loop(response: aiohttp.ClientResponse) -> bytes:
    """
    Read the body of a response in aiohttp, whose own timeouts suffice, without decompressing it.

    :param response: The response.
    :raises AnswerTooLargeError: The response is too large.
    """
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            raise AnswerTooLargeError
    return bytes(body)


_limits: ContextVar[AnswerLimits | None] = ContextVar("answer_limits", default=None)


class AnswerLimitsAdapter(HTTPAdapter):
    """
    Opens connections that enforce the current limits, with or without a proxy.

    :param socket_options: Socket options, such as those for TCP keepalive.
    """

    def __init__(self, socket_options: Sequence[tuple[int, int, int]]) -> None:
        self._socket_options = list(socket_options)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool manager for connections without a proxy."""
        super().init_poolmanager(*args, socket_options=self._socket_options, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _limited(self.poolmanager.pool_classes_by_scheme)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """
        Return the pool manager for connections with a proxy.

        :param proxy: The proxy's URL.
        """
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _limited(manager.pool_classes_by_scheme)
        return manager


def _limited(pools: dict[str, Any]) -> dict[str, Any]:
    return {scheme: _limited_pool(pool) for scheme, pool in pools.items()}


@functools.cache
def _limited_pool(pool: Any) -> Any:
    if issubclass(pool.ConnectionCls, _LimitedConnection):
        return pool
    connection = type(pool.ConnectionCls.__name__, (_LimitedConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


class _LimitedResponse(http.client.HTTPResponse):
    """A response whose status, headers and body are read within the limits; also a proxy's to ``CONNECT``."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limits = _limits.get()
        if limits:
            limits.begin_answer()
            self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), sock, limits))

    def _read_status(self) -> tuple[str, int, str]:
        # http.client only skips interim responses with status 100, and takes others, such as 103, for the response.
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 102 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _LimitedConnection:
    response_class = _LimitedResponse


class _LimitedReader(io.RawIOBase):
    """
    Reads a socket within the limits.

    :param raw: The socket's own reader, which owns the socket.
    :param sock: The socket, whose timeout is that of a single read.
    :param limits: The limits.
    """

    def __init__(self, raw: io.RawIOBase, sock: Any, limits: AnswerLimits) -> None:
        self._raw = raw
        self._sock = sock
        self._limits = limits
        self._read_timeout: float | None = sock.gettimeout()

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """
        Read available bytes.

        :param buffer: The buffer to fill.
        """
        left = self._limits.time_left()
        self._sock.settimeout(left if self._read_timeout is None else min(left, self._read_timeout))
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            # Raise the deadline's error if it has passed; otherwise, it was the read timeout.
            self._limits.time_left()
            raise
        self._limits.take(count or 0)
        return count

    def close(self) -> None:
        """Close the socket."""
        if not self.closed:
            self._raw.close()
        super().close()
