"""The base of the async hook: the Airflow connection, its login and its HTTP session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.request import Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.client.async_client import Access, AsyncClient
from airflow_provider_iqm.client.rate_limit.scope import uses_shared_store
from airflow_provider_iqm.client.shared_login import shared_login
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.connection.transport import Transport, transport_extra
from airflow_provider_iqm.exceptions import IQMAuthenticationError, IQMConnectionError
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.masking import mask_in_event_loop
from airflow_provider_iqm.shared_state.shared_rate_limiter import Reservation

SLOTS_POLL_INTERVAL = 0.1
"""Seconds between two checks whether other coroutines still use the slots of a trigger that has ended."""

SETTINGS_LIFETIME = 300.0
"""Seconds after which a hook rereads its connection, in case it was changed."""


class IQMAsyncBaseHook(BaseHook):
    """
    Connects to IQM from an event loop.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    :param rate_limited: Whether to send at most 20 requests a minute if the connection has no limit.
    """

    conn_name_attr = "iqm_conn_id"
    default_conn_name = "iqm_default"
    conn_type = "iqm"
    hook_name = "IQM"

    def __init__(self, iqm_conn_id: str = default_conn_name, *, rate_limited: bool = False) -> None:
        super().__init__()
        self.iqm_conn_id = iqm_conn_id
        self._client = AsyncClient(iqm_conn_id, rate_limited=rate_limited, log=self.log)
        self._clock = time.monotonic
        self._access: Access | None = None
        self._reread_at = 0.0

    async def __aenter__(self) -> Self:
        """Keep HTTP connections open."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close HTTP connections unless other coroutines use them."""
        await self._client.__aexit__(kind, value, traceback)

    @asynccontextmanager
    async def _holding_slots(self, slots: int) -> AsyncIterator[None]:
        """
        Add a task's pool slots to the rate limit while the context lasts, in case pool slots are the limit.

        All coroutines of this process share the slots for the account; without any, the connection's limit applies to
        this process.

        :param slots: The number of slots of the connection's ``rate_limit_pool`` that the coroutine's task holds.
        """
        access = await self._connect()
        limiter = await self._client.rate_limiter(access.settings)
        if limiter is None or not slots:
            yield
            return
        held = limiter.slots.add_slots(slots)
        try:
            yield
        finally:
            # The next task may use the slots from its start on, so requests that use them must have ended by then.
            is_used = limiter.slots.remove_slots(held)
            while is_used():
                await asyncio.sleep(SLOTS_POLL_INTERVAL)

    async def _reserve_turn(self, request: str, *, longer_than: float, seconds: float) -> Reservation | None:
        """
        Keep a place in the queue of the rate limit if its request has to wait long.

        :param request: The request's id.
        :param longer_than: The shortest wait, in seconds, for which the place is kept.
        :param seconds: How long to keep the place.
        """
        access = await self._connect()
        limiter = await self._client.rate_limiter(access.settings)
        if limiter is None:
            return None
        return await asyncio.to_thread(limiter.reserve, request, longer_than=longer_than, seconds=seconds)

    async def _run(self, exchange: Callable[[Dialect], Exchange[Result]]) -> Result:
        """
        Run an exchange, and return its result.

        :param exchange: Creates the exchange for the account's API.
        """
        with final_errors_fail_the_task():
            access = await self._connect()
            try:
                async with self:
                    return await self._client.run(exchange(access.iqm), access)
            except IQMAuthenticationError:
                # Reread the connection next time, in case it was corrected.
                if self._access is access:
                    self._access = None
                raise

    async def _connect(self) -> Access:
        async with self._client.lock:
            if self._access is None or self._clock() >= self._reread_at:
                self._access = await self._read_connection(self._access)
                self._reread_at = self._clock() + SETTINGS_LIFETIME
            return self._access

    async def _read_connection(self, known: Access | None) -> Access:
        """Read the connection; keep the login if the connection hasn't changed."""
        try:
            connection = await get_async_connection(self.iqm_conn_id)
        except AirflowNotFoundException as error:
            raise IQMConnectionError(f'Connection "{self.iqm_conn_id}" doesn\'t exist. Add it, then retry.') from error
        extra = await get_async_extra_dejson(connection)
        settings = IQMConnection.read(connection, extra)
        transport = transport_extra(extra)
        if known and (known.settings, known.extra) == (settings, transport):
            return known
        await mask_in_event_loop(settings.secrets)
        unmasked: list[Token] = []
        # Without a store that hosts share, all triggers of a triggerer share its own login.
        shared = (
            await asyncio.to_thread(shared_login, self.iqm_conn_id, settings, self.log)
            if uses_shared_store(settings)
            else {}
        )
        return Access(
            settings,
            transport,
            await asyncio.to_thread(Transport.read, settings.base_url, transport),
            create_dialect(
                settings.api_version, settings.credentials, on_token=unmasked.append, clock=self._clock, **shared
            ),
            unmasked,
        )
