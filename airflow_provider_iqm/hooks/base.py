"""Sends requests to IQM with ``requests``."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests
import tenacity
from airflow.providers.http.hooks.http import HttpHook
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.answer_body import ACCEPT_ENCODING, AnswerTooLargeError
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.request import Call, Request, Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.client import transport_errors
from airflow_provider_iqm.client.answer_limits import AnswerLimits, AnswerLimitsAdapter
from airflow_provider_iqm.client.exchange_run import ExchangeRun
from airflow_provider_iqm.client.progress import UploadProgress
from airflow_provider_iqm.client.rate_limit_scope import rate_limiter
from airflow_provider_iqm.client.rate_limiter import MIN_LOGGED_WAIT
from airflow_provider_iqm.client.retries import retrying
from airflow_provider_iqm.client.shared_login import shared_login
from airflow_provider_iqm.connection.form import DEFAULT_HOST
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.connection.transport import (
    certificate_error,
    effective_proxy,
    explicit_verify,
    transport_extra,
)
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError, IQMRateLimitError
from airflow_provider_iqm.files.file_body import FileBody
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.masking import mask
from airflow_provider_iqm.runtime.running_task import running_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_iqm.audience.upload import AudienceUpload


RUN_ARGUMENTS = {"json", "params", "files"}
"""The keyword arguments of ``requests.Request`` that :meth:`IQMHttpHook.run` supports."""

_UNUSABLE = (requests.exceptions.InvalidHeader, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL)

InFlight = Callable[[], AbstractContextManager[None]]


class IQMHttpHook(HttpHook):
    """
    Logs in to IQM and sends requests.

    Unlike Airflow's HTTP hook, it doesn't send login and password with each request, turn extras into headers or follow
    redirects.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    """

    conn_name_attr = "iqm_conn_id"
    default_conn_name = "iqm_default"
    conn_type = "iqm"
    hook_name = "IQM"
    default_host = DEFAULT_HOST

    def __init__(self, iqm_conn_id: str = default_conn_name) -> None:
        super().__init__(http_conn_id=iqm_conn_id)
        self.iqm_conn_id = iqm_conn_id

    def run(
        self,
        endpoint: str | None = None,
        data: dict[str, Any] | str | None = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        **request_kwargs: Any,
    ) -> Any:
        """
        Call any endpoint of IQM's API, and return the data of the response.

        The HTTP method is the hook's attribute ``method``. Only ``GET`` requests are retried.

        :param endpoint: The path below the API's base URL.
        :param data: The query parameters of a ``GET``, otherwise the body.
        :param headers: Additional headers.
        :param extra_options: Not supported. Set timeouts, certificates and proxies in the connection.
        :param request_kwargs: ``json``, ``params`` and ``files`` as in ``requests.Request``; no others.
        :raises IQMFinalError: ``extra_options`` or an unsupported keyword argument is given.
        :raises IQMApiError: IQM returned an error.
        """
        unsupported = sorted(request_kwargs.keys() - RUN_ARGUMENTS) + ["extra_options"] * bool(extra_options)
        if unsupported:
            with final_errors_fail_the_task():
                raise IQMFinalError(
                    f"IQMHook.run doesn't support {', '.join(unsupported)}. Set timeouts, certificates and proxies in "
                    f'the connection "{self.iqm_conn_id}"; it logs in by itself.'
                )
        get = self.method == "GET"
        path = "/" + (endpoint or "").lstrip("/")
        given = {} if data is None else {"params" if get else "data": data}
        prepared = requests.Request(self.method, DEFAULT_HOST + path, **given, **request_kwargs).prepare()
        content_type = {key: value for key, value in prepared.headers.items() if key == "Content-Type"}
        request = Request(
            purpose=f"{self.method} {path}",
            method=self.method,
            path=prepared.path_url,
            headers={**content_type, **(headers or {})},
            body=prepared.body.encode() if isinstance(prepared.body, str) else prepared.body,
            repeatable=get,
        )
        return self._drive(self._iqm.login.call(Call(request, lambda answer: answer)))

    @cached_property
    def settings(self) -> IQMConnection:
        """The connection's settings; reading them masks its secrets in logs."""
        with final_errors_fail_the_task():
            settings = IQMConnection.read(self._connection, self._connection.extra_dejson)
        mask(settings.secrets)
        return settings

    @cached_property
    def _connection(self) -> Connection:
        return self.get_connection(self.iqm_conn_id)

    @cached_property
    def _session(self) -> requests.Session:
        with final_errors_fail_the_task():
            effective_proxy(self.settings.base_url, self._transport_extra)
        return self.get_conn()

    @cached_property
    def _verify(self) -> bool | str | None:
        return explicit_verify(self._transport_extra)

    @cached_property
    def _transport_extra(self) -> dict[str, Any]:
        return transport_extra(self._connection.extra_dejson)

    @cached_property
    def _iqm(self) -> Dialect:
        """The account's API, with one login for all calls."""
        if running_task() is None:
            # Only tasks share a token.
            return self._create_dialect()
        return self._create_dialect(**shared_login(self.iqm_conn_id, self.settings, self.log))

    def _create_dialect(self, **shared: Any) -> Dialect:
        settings = self.settings
        return create_dialect(
            settings.api_version, settings.credentials, on_token=lambda token: mask(token.secrets), **shared
        )

    def _drive(
        self,
        exchange: Exchange[Result],
        upload: AudienceUpload | None = None,
        in_flight: InFlight = nullcontext,
    ) -> Result:
        """
        Send an exchange's requests, and return its result.

        :param exchange: The exchange.
        :param upload: The upload whose file is sent with the exchange's form.
        :param in_flight: Creates a context for sending the form, which is entered once the rate limit allows it.
        """
        run: ExchangeRun[Result] = ExchangeRun(exchange)
        outcome: Any = None
        with final_errors_fail_the_task():
            while request := run.step(outcome):
                outcome = self._send_and_retry(request, upload, in_flight)
            return run.result

    def _send_and_retry(self, request: Request, upload: AudienceUpload | None, in_flight: InFlight) -> Any:
        """Send a request, with retries, and return the data of the response, or the error."""
        retry = tenacity.Retrying(sleep=self._sleep, **retrying(request, self.log))
        try:
            return retry(self._send_in_turn, request, upload, in_flight)
        except IQMError as error:
            return error

    def _send_in_turn(self, request: Request, upload: AudienceUpload | None, in_flight: InFlight) -> Any:
        with self._turn(request), in_flight() if isinstance(request.body, UploadForm) else nullcontext():
            return self._send(request, upload)

    def _send(self, request: Request, upload: AudienceUpload | None) -> Any:
        """Send a request once, and return the data of the response."""
        settings = self.settings
        limits = AnswerLimits(settings.request_timeout, from_end_of_body=isinstance(request.body, UploadForm))
        read_timeout = min(settings.read_timeout, settings.request_timeout)
        connect_timeout = min(settings.connect_timeout, settings.request_timeout)
        body: Any = request.body
        if isinstance(body, UploadForm):
            if upload is None:
                raise TypeError("an upload form needs a file")
            # urllib3 applies the connect timeout to each piece of the body.
            connect_timeout = settings.upload_timeout
            # IQM stores the whole file before it responds.
            read_timeout = min(settings.upload_timeout, settings.request_timeout)
            progress = UploadProgress(self.log, upload.file.display_name)
            body = FileBody(
                upload.file.path,
                size=upload.file.size,
                mtime_ns=upload.file.mtime_ns,
                prefix=body.prefix,
                suffix=body.suffix,
                progress=progress,
            )
        try:
            with (
                limits,
                self._session.request(
                    request.method,
                    settings.base_url + request.path,
                    params=request.params,
                    headers={"Accept-Encoding": ACCEPT_ENCODING, **request.headers},
                    data=body,
                    timeout=(connect_timeout, read_timeout),
                    verify=self._verify,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                answer = Answer(response.status_code, response.headers, limits.read(response))
            return read_envelope(answer, request)
        except (requests.RequestException, HTTPError, AnswerTooLargeError) as error:
            failure = self._no_answer(request, error, read_timeout, limits)
        except OSError as error:
            # From requests, before it connects.
            failure = certificate_error(error)
        # Outside of the except block: chained exceptions would fill the log.
        raise failure

    @contextmanager
    def _turn(self, request: Request) -> Iterator[None]:
        """Wait until the rate limit allows a request; the block sends it."""
        task = running_task()
        limiter = rate_limiter(self.settings, self.log, task=task, is_limited=task is not None)
        if limiter is None:
            yield
            return
        turn = limiter.new_turn()
        is_logged = False
        try:
            while (wait := turn.ask()) > 0:
                if wait >= MIN_LOGGED_WAIT and not is_logged:
                    self.log.info("Waiting %.0f s to %s: %s", wait, request.purpose, limiter.label)
                    is_logged = True
                self._sleep(min(wait, limiter.limit.poll_interval))
            turn.start()
            yield
        except IQMRateLimitError as error:
            turn.refuse(error.retry_after)
            raise
        finally:
            turn.end()

    def _sleep(self, seconds: float) -> None:
        """Wait for the rate limit, or before a retry."""
        time.sleep(seconds)

    def _no_answer(self, request: Request, error: Exception, read_timeout: float, limits: AnswerLimits) -> IQMError:
        settings = self.settings
        unusable = isinstance(error, _UNUSABLE)
        # With a urllib3 error, the invalid header is one of the response.
        if unusable and not (error.args and isinstance(error.args[0], HTTPError)):
            return transport_errors.unusable_address(self.iqm_conn_id)
        if isinstance(error, AnswerTooLargeError):
            return transport_errors.no_answer(settings, request, transport_errors.TOO_LARGE, sent=True)
        if limits.too_late:
            return transport_errors.no_answer(
                settings, request, transport_errors.request_timed_out(settings), sent=True
            )
        connected = not _failed_to_connect(error)
        reasons: list[tuple[type[Exception], str]] = [
            (requests.exceptions.SSLError, transport_errors.TLS_FAILED),
            (requests.exceptions.ProxyError, _proxy_refusal(error)),
            (requests.exceptions.ConnectTimeout, transport_errors.connect_timed_out(settings)),
            (requests.exceptions.Timeout, transport_errors.read_timed_out(read_timeout)),
            (ReadTimeoutError, transport_errors.read_timed_out(read_timeout)),
        ]
        otherwise = transport_errors.lost(error) if connected else transport_errors.NOT_CONNECTED
        reason = next((reason for kind, reason in reasons if isinstance(error, kind)), otherwise)
        return transport_errors.no_answer(settings, request, reason, sent=connected, error=error)

    def _set_base_url(self, connection: Connection) -> None:
        self.base_url = self.settings.base_url
        self._base_url_initialized = True

    def _configure_session_from_auth(self, session: requests.Session, connection: Connection) -> requests.Session:
        # HttpHook would send login and password with every request; without any auth, requests would send the host's
        # entry in ~/.netrc instead of the bearer token.
        session.auth = _keep_headers
        return session

    def _configure_session_from_mount_adapters(self, session: requests.Session) -> requests.Session:
        adapter = AnswerLimitsAdapter(self.keep_alive_adapter.socket_options)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        # requests would read a redirect's whole body, even if it doesn't follow it.
        session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # noqa: ARG005
        return session

    def _configure_session_from_extra(
        self, session: requests.Session, connection: Connection, extra_options: dict[str, Any]
    ) -> requests.Session:
        transport = SimpleNamespace(extra_dejson=transport_extra(connection.extra_dejson), host=connection.host)
        return super()._configure_session_from_extra(session, transport, extra_options)


def _proxy_refusal(error: Exception) -> str:
    """Return why a proxy failed; http.client reports its response to CONNECT only as text."""
    refused = re.search(r"Tunnel connection failed: (\d{3})\b", str(error))
    return transport_errors.proxy_refused(refused[1]) if refused else transport_errors.PROXY_FAILED


def _failed_to_connect(error: Exception) -> bool:
    """Return whether nothing was sent: there was no connection, or no TLS."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, ProxyError):
        reason = reason.original_error
    if isinstance(reason, SSLError) and reason.args:
        reason = reason.args[0]
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ssl.SSLCertVerificationError)


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
