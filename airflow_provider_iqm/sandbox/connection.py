"""Gives the application a way to cut its connection, as a broken network would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "transport"


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which puts its transport within reach of the application."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the transport on in the state that each request of this connection receives a copy of."""
        tcp = cast("asyncio.Transport", transport)
        self.app_state = {**self.app_state, _TRANSPORT: tcp}
        super().connection_made(tcp)


async def until_gone(receive: Receive) -> None:
    """
    Wait until the client has closed its connection, or until it was cut.

    :param receive: the request's ASGI callable; what is left of the body is thrown away.
    """
    while (await receive())["type"] != "http.disconnect":
        pass


async def _close(scope: Scope, receive: Receive, how: Callable[[asyncio.Transport], None]) -> None:
    how(scope["state"][_TRANSPORT])
    # The server answers 500 in our place if we return before it has seen the end of the connection.
    await until_gone(receive)


def cut(scope: Scope, receive: Receive) -> Awaitable[None]:
    """
    Close the connection at once, and leave what was not sent yet unsent.

    :param scope: the request's ASGI scope.
    :param receive: the request's ASGI callable.
    """
    return _close(scope, receive, lambda transport: transport.abort())


def hang_up(scope: Scope, receive: Receive) -> Awaitable[None]:
    """
    Close the connection after what was sent so far has gone out.

    :param scope: the request's ASGI scope.
    :param receive: the request's ASGI callable.
    """
    return _close(scope, receive, lambda transport: transport.close())
