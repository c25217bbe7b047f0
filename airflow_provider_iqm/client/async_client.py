"""Runs exchanges with IQM with ``aiohttp``, with the rate limit and retries; twin of ``sync_client``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import tenacity

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.answer_body import ACCEPT_ENCODING
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.request import Request, Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.client.answer_limits import read_in_event_loop
from airflow_provider_iqm.client.async_errors import REQUEST_ERRORS, translate_error
from airflow_provider_iqm.client.exchange_run import ExchangeRun
from airflow_provider_iqm.client.rate_limit.limiter import MIN_LOGGED_WAIT, RateLimiter
from airflow_provider_iqm.client.rate_limit.scope import rate_limiter
from airflow_provider_iqm.client.retries import retrying
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.connection.transport import Transport
from airflow_provider_iqm.exceptions import IQMError, IQMRateLimitError
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.masking import mask_in_event_loop
from airflow_provider_iqm.runtime.running_task import running_task

Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Access:
    """
    A connection and its login.

    :param settings: The connection's settings.
    :param extra: The extras for TLS and proxies, to detect changes.
    :param transport: TLS and proxy settings from these extras.
    :param iqm: The account's API, with its login.
    :param unmasked: Tokens that aren't masked in logs yet.
    """

    settings: IQMConnection
    extra: Mapping[str, Any]
    transport: Transport
    iqm: Dialect
    unmasked: list[Token]


class AsyncClient:
    """
    Runs exchanges with IQM for the coroutines of an event loop.

    Inside ``async with client:`` the coroutines share HTTP connections.

    :param iqm_conn_id: The connection's id.
    :param rate_limited: Whether to send at most 20 requests a minute if the connection has no limit.
    :param log: The logger.
    """

    def __init__(self, iqm_conn_id: str, *, rate_limited: bool, log: Log) -> None:
        self.lock = asyncio.Lock()
        """Held while a coroutine connects or logs in, so that all others share its login."""
        self.session: aiohttp.ClientSession | None = None
        """The HTTP session; None if no coroutine uses it."""
        self._iqm_conn_id = iqm_conn_id
        self._rate_limited = rate_limited
        self._log = log
        self._steps = ThreadPoolExecutor(1, thread_name_prefix="iqm-steps")
        self._users = 0

    async def __aenter__(self) -> Self:
        """Keep HTTP connections open."""
        self._users += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close HTTP connections unless other coroutines use them."""
        self._users -= 1
        session = self.session
        if session and not self._users:
            self.session = None
            await session.close()

    async def run(self, exchange: Exchange[Result], access: Access) -> Result:
        """
        Send an exchange's requests, and return its result.

        :param exchange: The exchange.
        :param access: The connection to send them with.
        """
        run: ExchangeRun[Result] = ExchangeRun(exchange)
        try:
            return await self._run_steps(run, access)
        except BaseException:
            # Release the lock of an abandoned login after its current step. The garbage collector would block the event
            # loop with that.
            self._steps.submit(copy_context().run, run.close)
            raise

    def _run_step(self, step: Callable[..., Returned], *arguments: Any) -> asyncio.Future[Returned]:
        """
        Run a step in this client's own thread, one after the other.

        A step may wait for other processes to log in. If all clients ran their steps in the event loop's threads,
        waiting clients could leave no thread for the one that is logging in.
        """
        step = partial(copy_context().run, step, *arguments)
        return asyncio.get_running_loop().run_in_executor(self._steps, step)

    async def _run_steps(self, run: ExchangeRun[Result], access: Access) -> Result:
        """Run all steps of an exchange."""
        outcome: Any = None
        while True:
            # A step may have to log in. Other coroutines wait until then, so that all of them share one login.
            async with self.lock:
                request = await self._run_step(run.step, outcome)
                while request and request.authenticates:
                    outcome = await self._send_and_retry(request, access)
                    request = await self._run_step(run.step, outcome)
                while access.unmasked:
                    await mask_in_event_loop(access.unmasked.pop().secrets)
            if request is None:
                return run.result
            outcome = await self._send_and_retry(request, access)

    async def _send_and_retry(self, request: Request, access: Access) -> Any:
        """Send a request, with retries, and return the data of the response, or the error."""
        retry = tenacity.AsyncRetrying(**retrying(request, self._log))
        try:
            return await retry(self._send_in_turn, request, access)
        except IQMError as error:
            return error

    async def rate_limiter(self, settings: IQMConnection) -> RateLimiter | None:
        """
        Return the rate limiter that all hooks of this process share for a connection and the task.

        :param settings: The connection's settings.
        """
        return await asyncio.to_thread(self._find_rate_limiter, settings)

    def _find_rate_limiter(self, settings: IQMConnection) -> RateLimiter | None:
        task = running_task()
        return rate_limiter(settings, self._log, task=task, is_limited=self._rate_limited or task is not None)

    async def _send_in_turn(self, request: Request, access: Access) -> Any:
        """Send a request as soon as the rate limit allows it."""
        limiter = await self.rate_limiter(access.settings)
        if limiter is None:
            return await self.send(request, access)
        turn = limiter.new_turn(iqm_conn_id=self._iqm_conn_id)
        is_logged = False
        try:
            while (wait := await asyncio.to_thread(turn.ask)) > 0:
                if wait >= MIN_LOGGED_WAIT and not is_logged:
                    self._log.info("Waiting %.0f s to %s: %s", wait, request.purpose, limiter.label)
                    is_logged = True
                await asyncio.sleep(min(wait, limiter.limit.poll_interval))
            turn.start()
            return await self.send(request, access)
        except IQMRateLimitError as error:
            turn.refuse(error.retry_after)
            raise
        finally:
            # Shielded, so that a second cancellation doesn't leave the request in the ledger.
            await asyncio.shield(asyncio.to_thread(turn.end))

    async def send(self, request: Request, access: Access) -> Any:
        """
        Send a request once, and return the data of the response.

        :param request: The request.
        :param access: The connection to send it with.
        :raises IQMError: IQM returned an error, or there is no complete response.
        """
        if isinstance(request.body, UploadForm):
            raise TypeError("IQMAsyncHook can't upload files; use IQMHook")
        if self.session is None:
            self.session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
        settings = access.settings
        timeout = aiohttp.ClientTimeout(
            total=settings.request_timeout,
            connect=settings.connect_timeout,
            sock_connect=settings.connect_timeout,
            sock_read=settings.read_timeout,
        )
        try:
            async with self.session.request(
                request.method,
                settings.base_url + request.path,
                params=request.params,
                headers={"Accept-Encoding": ACCEPT_ENCODING, **request.headers},
                data=request.body,
                timeout=timeout,
                allow_redirects=False,
                ssl=access.transport.tls,
                proxy=access.transport.proxy,
            ) as response:
                answer = Answer(response.status, response.headers, await read_in_event_loop(response))
            return read_envelope(answer, request)
        except REQUEST_ERRORS as error:
            failure = translate_error(
                error,
                request,
                iqm_conn_id=self._iqm_conn_id,
                settings=settings,
                has_proxy=access.transport.proxy is not None,
            )
        # Outside of the except block: a proxy URL in a chained exception may contain a password.
        raise failure
