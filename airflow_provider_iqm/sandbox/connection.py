"""Lets the application abort its connection, as a broken network would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "transport"


class AbortableProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which exposes its transport to the application."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Add the transport to the state that is copied to each request of this connection."""
        tcp = cast("asyncio.Transport", transport)
        self.app_state = {**self.app_state, _TRANSPORT: tcp}
        super().connection_made(tcp)


async def wait_for_disconnect(receive: Receive) -> None:
    """
    Wait until the connection is closed by the client or aborted.

    :param receive: the request's ASGI callable; the rest of the body is discarded.
    """
    while (await receive())["type"] != "http.disconnect":
        pass


async def _close(scope: Scope, receive: Receive, how: Callable[[asyncio.Transport], None]) -> None:
    how(scope["state"][_TRANSPORT])
    # The server would answer 500 if the application returned before the connection is closed.
    await wait_for_disconnect(receive)


def abort_connection(scope: Scope, receive: Receive) -> Awaitable[None]:
    """
    Abort the connection without sending buffered data.

    :param scope: the request's ASGI scope.
    :param receive: the request's ASGI callable.
    """
    return _close(scope, receive, lambda transport: transport.abort())


def close_connection(scope: Scope, receive: Receive) -> Awaitable[None]:
    """
    Close the connection after sending buffered data.

    :param scope: the request's ASGI scope.
    :param receive: the request's ASGI callable.
    """
    return _close(scope, receive, lambda transport: transport.close())
