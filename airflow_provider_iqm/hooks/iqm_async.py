"""The async hook for IQM's API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import tenacity
from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.answer_body import ACCEPT_ENCODING, AnswerTooLargeError
from airflow_provider_iqm.api.audience import AudienceField, MatchedAudience
from airflow_provider_iqm.api.campaigns import AudienceCampaigns, Campaign, campaigns
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.polling.poll import poll
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.replacement.execution import Replacement, replace_audience
from airflow_provider_iqm.api.request import Request, Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.api.targeting import TargetingChange, change_for_all, target_all
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.api.upload_search import OwnUploadSearch
from airflow_provider_iqm.client import transport_errors
from airflow_provider_iqm.client.answer_limits import read_in_event_loop
from airflow_provider_iqm.client.exchange_run import ExchangeRun
from airflow_provider_iqm.client.rate_limit_scope import rate_limiter, uses_shared_store
from airflow_provider_iqm.client.rate_limiter import MIN_LOGGED_WAIT, RateLimiter
from airflow_provider_iqm.client.retries import retrying
from airflow_provider_iqm.client.shared_login import shared_login
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.connection.transport import Transport, transport_extra
from airflow_provider_iqm.exceptions import IQMAuthenticationError, IQMConnectionError, IQMError, IQMRateLimitError
from airflow_provider_iqm.hooks.poll_log import log_poll_events
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.masking import mask_in_event_loop
from airflow_provider_iqm.runtime.running_task import running_task

Returned = TypeVar("Returned")

SLOTS_POLL_INTERVAL = 0.1
"""Seconds between two checks whether other coroutines still use the slots of a trigger that has ended."""

SETTINGS_LIFETIME = 300.0
"""Seconds after which a hook rereads its connection, in case it was changed."""


@dataclass(frozen=True)
class _Access:
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


class IQMAsyncHook(BaseHook):
    """
    Interact with IQM's API from an event loop, in triggers and asynchronous tasks.

    All coroutines of an event loop can share one hook and its login. Inside ``async with hook:`` they also share HTTP
    connections; a call outside opens and closes its own. It raises the same errors as
    :class:`~airflow_provider_iqm.hooks.iqm.IQMHook`.

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
        self._rate_limited = rate_limited
        self._clock = time.monotonic
        self._lock = asyncio.Lock()
        self._steps = ThreadPoolExecutor(1, thread_name_prefix="iqm-steps")
        self._access: _Access | None = None
        self._reread_at = 0.0
        self._session: aiohttp.ClientSession | None = None
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
        session = self._session
        if session and not self._users:
            self._session = None
            await session.close()

    async def get_column_list(self) -> list[AudienceField]:
        """
        Return the fields that columns can be mapped to.

        :raises IQMApiError: IQM returned an error.
        """
        return await self._run(lambda iqm: iqm.column_list())

    async def get_matched_audience(self, audience_id: int) -> MatchedAudience:
        """
        Return IQM's details of an audience.

        :param audience_id: The audience's id.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        return await self._run(lambda iqm: iqm.details(int(audience_id)))

    async def find_matched_audiences(self, audience_name: str) -> list[MatchedAudience]:
        """
        Return the matched audiences with exactly this name in IQM's list.

        :param audience_name: The whole name, case-sensitive.
        """
        return await self._run(lambda iqm: iqm.find(audience_name))

    async def get_audience_campaigns(self, audience_ids: Iterable[int]) -> list[AudienceCampaigns]:
        """
        Return which campaigns include or exclude audiences, in the order of the ids (v3 only).

        :param audience_ids: The audiences; up to 1,000 take one request.
        :raises AudienceOptionError: The connection uses the classic API.
        :raises AudienceNotFoundError: The account has no such audience.
        """
        ids = [int(item) for item in audience_ids]
        return await self._run(lambda iqm: iqm.audience_campaigns(ids))

    async def get_campaigns(self, campaign_ids: Iterable[int]) -> list[Campaign]:
        """
        Return names and statuses of campaigns; unknown campaigns are left out.

        :param campaign_ids: The campaigns; up to 500 take one request.
        """
        ids = [int(item) for item in campaign_ids]
        return await self._run(lambda iqm: campaigns(iqm.login, ids))

    async def target_audience(
        self,
        campaign_ids: Iterable[int],
        *,
        include: Iterable[int] = (),
        exclude: Iterable[int] = (),
        remove: Iterable[int] = (),
    ) -> list[int]:
        """
        Change which audiences campaigns target, as :meth:`IQMHook.target_audience` does.

        :param campaign_ids: The campaigns.
        :param include: Audiences to include: their members see the ads.
        :param exclude: Audiences to exclude: their members don't see the ads.
        :param remove: Audiences to remove, included or excluded.
        :raises AudienceOptionError: There is nothing to change, or an audience is in two of the lists.
        :raises CampaignTargetingError: IQM didn't change some of the campaigns; all others were changed.
        """
        with final_errors_fail_the_task():
            change = TargetingChange(include=list(include), exclude=list(exclude), remove=list(remove))
            changes = change_for_all(map(int, campaign_ids), change)
        return await self._run(lambda iqm: target_all(iqm.login, changes))

    async def replace_audience(
        self,
        old_audience_id: int,
        new_audience_id: int,
        campaign_ids: Iterable[int] | None = None,
        *,
        delete_old: bool = True,
    ) -> Replacement:
        """
        Replace an audience with another in campaigns, as :meth:`IQMHook.replace_audience` does.

        :param old_audience_id: The audience to replace.
        :param new_audience_id: Its replacement, which must be ready.
        :param campaign_ids: The campaigns; default: those that include or exclude the old audience (v3 only).
        :param delete_old: Whether to delete the old audience if no campaign uses it anymore.
        """
        return await self._run(
            lambda iqm: replace_audience(
                iqm, int(old_audience_id), int(new_audience_id), campaign_ids, delete_old=delete_old
            )
        )

    async def _find_own_uploads(self, search: OwnUploadSearch) -> list[MatchedAudience]:
        """
        Search once for the audiences of an upload.

        :param search: The search.
        """
        return await self._run(search.find)

    async def _poll(self, watch: AudienceWatch, log: Log) -> None:
        """
        Poll the audiences that are not ready yet.

        :param watch: The audiences; updated.
        :param log: Logs the results.
        :raises AudienceFailedError: An audience will never become ready.
        """
        with log_poll_events(log, watch):
            await self._run(lambda iqm: poll(iqm, watch))

    @asynccontextmanager
    async def _holding_slots(self, slots: int) -> AsyncIterator[None]:
        """
        Add a task's pool slots to the rate limit while the context lasts, in case pool slots are the limit.

        All coroutines of this process share the slots for the account; without any, the connection's limit applies to
        this process.

        :param slots: The number of slots of the connection's ``rate_limit_pool`` that the coroutine's task holds.
        """
        limiter = await self._rate_limiter(await self._connect())
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

    async def _run(self, exchange: Callable[[Dialect], Exchange[Result]]) -> Result:
        with final_errors_fail_the_task():
            access = await self._connect()
            try:
                async with self:
                    return await self._drive(exchange(access.iqm), access)
            except IQMAuthenticationError:
                # Reread the connection next time, in case it was corrected.
                if self._access is access:
                    self._access = None
                raise

    async def _connect(self) -> _Access:
        async with self._lock:
            if self._access is None or self._clock() >= self._reread_at:
                self._access = await self._read_connection(self._access)
                self._reread_at = self._clock() + SETTINGS_LIFETIME
            return self._access

    async def _read_connection(self, known: _Access | None) -> _Access:
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
        return _Access(
            settings,
            transport,
            await asyncio.to_thread(Transport.read, settings.base_url, transport),
            create_dialect(
                settings.api_version, settings.credentials, on_token=unmasked.append, clock=self._clock, **shared
            ),
            unmasked,
        )

    async def _drive(self, exchange: Exchange[Result], access: _Access) -> Result:
        """Send an exchange's requests, and return its result."""
        run: ExchangeRun[Result] = ExchangeRun(exchange)
        try:
            return await self._drive_run(run, access)
        except BaseException:
            # Release the lock of an abandoned login after its current step. The garbage collector would block the event
            # loop with that.
            self._steps.submit(copy_context().run, run.close)
            raise

    def _run_step(self, step: Callable[..., Returned], *arguments: Any) -> asyncio.Future[Returned]:
        """
        Run a step in this hook's own thread, one after the other.

        A step may wait for other processes to log in. If all hooks ran their steps in the event loop's threads, waiting
        hooks could leave no thread for the one that is logging in.
        """
        step = partial(copy_context().run, step, *arguments)
        return asyncio.get_running_loop().run_in_executor(self._steps, step)

    async def _drive_run(self, run: ExchangeRun[Result], access: _Access) -> Result:
        """Run all steps of an exchange."""
        outcome: Any = None
        while True:
            # A step may have to log in. Other coroutines wait until then, so that all of them share one login.
            async with self._lock:
                request = await self._run_step(run.step, outcome)
                while request and request.authenticates:
                    outcome = await self._send_and_retry(request, access)
                    request = await self._run_step(run.step, outcome)
                while access.unmasked:
                    await mask_in_event_loop(access.unmasked.pop().secrets)
            if request is None:
                return run.result
            outcome = await self._send_and_retry(request, access)

    async def _send_and_retry(self, request: Request, access: _Access) -> Any:
        """Send a request, with retries, and return the data of the response, or the error."""
        retry = tenacity.AsyncRetrying(**retrying(request, self.log))
        try:
            return await retry(self._send_in_turn, request, access)
        except IQMError as error:
            return error

    async def _rate_limiter(self, access: _Access) -> RateLimiter | None:
        """Return the rate limiter that all hooks of this process share for the connection and the task."""
        return await asyncio.to_thread(self._find_rate_limiter, access.settings)

    def _find_rate_limiter(self, settings: IQMConnection) -> RateLimiter | None:
        task = running_task()
        return rate_limiter(settings, self.log, task=task, is_limited=self._rate_limited or task is not None)

    async def _send_in_turn(self, request: Request, access: _Access) -> Any:
        """Send a request as soon as the rate limit allows it."""
        limiter = await self._rate_limiter(access)
        if limiter is None:
            return await self._send(request, access)
        turn = limiter.new_turn()
        is_logged = False
        try:
            while (wait := await asyncio.to_thread(turn.ask)) > 0:
                if wait >= MIN_LOGGED_WAIT and not is_logged:
                    self.log.info("Waiting %.0f s to %s: %s", wait, request.purpose, limiter.label)
                    is_logged = True
                await asyncio.sleep(min(wait, limiter.limit.poll_interval))
            turn.start()
            return await self._send(request, access)
        except IQMRateLimitError as error:
            turn.refuse(error.retry_after)
            raise
        finally:
            # Shielded, so that a second cancellation doesn't leave the request in the ledger.
            await asyncio.shield(asyncio.to_thread(turn.end))

    async def _send(self, request: Request, access: _Access) -> Any:
        """Send a request once, and return the data of the response."""
        if isinstance(request.body, UploadForm):
            raise TypeError("IQMAsyncHook can't upload files; use IQMHook")
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
        settings = access.settings
        timeout = aiohttp.ClientTimeout(
            total=settings.request_timeout,
            connect=settings.connect_timeout,
            sock_connect=settings.connect_timeout,
            sock_read=settings.read_timeout,
        )
        try:
            async with self._session.request(
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
        except (aiohttp.ClientError, TimeoutError, AnswerTooLargeError) as error:
            failure = self._no_answer(access, request, error)
        # Outside of the except block: a proxy URL in a chained exception may contain a password.
        raise failure

    def _no_answer(self, access: _Access, request: Request, error: Exception) -> IQMError:
        if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
            return transport_errors.unusable_address(self.iqm_conn_id)
        settings = access.settings
        proxy_status = error.status if isinstance(error, aiohttp.ClientHttpProxyError) else 0
        reasons: list[tuple[type[Exception], str]] = [
            (AnswerTooLargeError, transport_errors.TOO_LARGE),
            (aiohttp.ClientSSLError, transport_errors.TLS_FAILED),
            (aiohttp.ClientProxyConnectionError, transport_errors.PROXY_FAILED),
            (aiohttp.ClientHttpProxyError, transport_errors.proxy_refused(proxy_status)),
            (
                aiohttp.ClientConnectorDNSError,
                transport_errors.PROXY_FAILED if access.transport.proxy else transport_errors.NOT_CONNECTED,
            ),
            (aiohttp.ConnectionTimeoutError, transport_errors.connect_timed_out(settings)),
            (aiohttp.SocketTimeoutError, transport_errors.read_timed_out(settings.read_timeout)),
            (TimeoutError, transport_errors.request_timed_out(settings)),
        ]
        connected = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        otherwise = transport_errors.lost(error) if connected else transport_errors.NOT_CONNECTED
        reason = next((reason for kind, reason in reasons if isinstance(error, kind)), otherwise)
        return transport_errors.no_answer(settings, request, reason, sent=connected, error=error)
