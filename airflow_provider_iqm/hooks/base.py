"""The base of the sync hooks: the Airflow connection, its login and its HTTP session."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.request import Call, Request, Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.client.shared_login import shared_login
from airflow_provider_iqm.client.sync_client import InFlight, SyncClient
from airflow_provider_iqm.client.sync_session import limit_answers, use_own_authorization
from airflow_provider_iqm.connection.form import DEFAULT_HOST
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.connection.transport import effective_proxy, explicit_verify, transport_extra
from airflow_provider_iqm.exceptions import IQMFinalError
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.masking import mask
from airflow_provider_iqm.runtime.running_task import running_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.shared_state.shared_rate_limiter import Reservation


RUN_ARGUMENTS = {"json", "params", "files"}
"""The keyword arguments of ``requests.Request`` that :meth:`IQMHttpHook.run` supports."""


class IQMHttpHook(HttpHook):
    """
    Connects to IQM.

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

    @cached_property
    def _client(self) -> SyncClient:
        return SyncClient(
            self.iqm_conn_id,
            self.settings,
            get_session=lambda: self._session,
            verify=explicit_verify(self._transport_extra),
            sleep=self._sleep,
            log=self.log,
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
        with final_errors_fail_the_task():
            return self._client.run(exchange, upload, in_flight)

    def _reserve_turn(self, *, longer_than: float, seconds: float) -> Reservation | None:
        """
        Take a place in the queue of the rate limit for the next request, if it has to wait long.

        :param longer_than: The shortest wait, in seconds, for which a place is taken.
        :param seconds: How long to keep the place.
        """
        limiter = self._client.rate_limiter()
        return limiter.reserve(longer_than=longer_than, seconds=seconds) if limiter else None

    def _use_turn(self, request: str) -> None:
        """
        Use a place in the queue of the rate limit for the next request.

        :param request: The id of the request that has the place.
        """
        self._client.place = request

    def _sleep(self, seconds: float) -> None:
        """Wait for the rate limit, or before a retry."""
        time.sleep(seconds)

    def _set_base_url(self, connection: Connection) -> None:
        self.base_url = self.settings.base_url
        self._base_url_initialized = True

    def _configure_session_from_auth(self, session: requests.Session, connection: Connection) -> requests.Session:
        # HttpHook would send login and password with every request.
        use_own_authorization(session)
        return session

    def _configure_session_from_mount_adapters(self, session: requests.Session) -> requests.Session:
        limit_answers(session, self.keep_alive_adapter.socket_options)
        return session

    def _configure_session_from_extra(
        self, session: requests.Session, connection: Connection, extra_options: dict[str, Any]
    ) -> requests.Session:
        transport = SimpleNamespace(extra_dejson=transport_extra(connection.extra_dejson), host=connection.host)
        return super()._configure_session_from_extra(session, transport, extra_options)
