"""Runs exchanges with IQM with ``requests``, with the rate limit and retries; twin of ``async_client``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import requests
import tenacity

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.answer_body import ACCEPT_ENCODING
from airflow_provider_iqm.api.request import Request, Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.client.answer_limits import AnswerLimits
from airflow_provider_iqm.client.exchange_run import ExchangeRun
from airflow_provider_iqm.client.progress import UploadProgress
from airflow_provider_iqm.client.rate_limit.limiter import MIN_LOGGED_WAIT, RateLimiter
from airflow_provider_iqm.client.rate_limit.scope import rate_limiter
from airflow_provider_iqm.client.retries import retrying
from airflow_provider_iqm.client.sync_errors import REQUEST_ERRORS, translate_error
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.connection.transport import certificate_error
from airflow_provider_iqm.exceptions import IQMError, IQMRateLimitError
from airflow_provider_iqm.files.file_body import FileBody
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.runtime.running_task import running_task

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.upload import AudienceUpload

InFlight = Callable[[], AbstractContextManager[None]]
"""Creates a context for sending an upload."""


class SyncClient:
    """
    Runs exchanges with IQM.

    :param iqm_conn_id: The connection's id.
    :param settings: Its settings.
    :param get_session: Returns the HTTP session.
    :param verify: The connection's own ``verify``; None for the default.
    :param sleep: Waits for the rate limit, or before a retry.
    :param log: The logger.
    """

    def __init__(
        self,
        iqm_conn_id: str,
        settings: IQMConnection,
        *,
        get_session: Callable[[], requests.Session],
        verify: bool | str | None,
        sleep: Callable[[float], None],
        log: Log,
    ) -> None:
        self._iqm_conn_id = iqm_conn_id
        self._settings = settings
        self._get_session = get_session
        self._verify = verify
        self._sleep = sleep
        self._log = log
        self.place: str | None = None
        """The id of the next request, if it has a place in the queue of the rate limit."""

    def run(
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
        while request := run.step(outcome):
            outcome = self._send_and_retry(request, upload, in_flight)
        return run.result

    def _send_and_retry(self, request: Request, upload: AudienceUpload | None, in_flight: InFlight) -> Any:
        """Send a request, with retries, and return the data of the response, or the error."""
        retry = tenacity.Retrying(sleep=self._sleep, **retrying(request, self._log))
        try:
            return retry(self._send_in_turn, request, upload, in_flight)
        except IQMError as error:
            return error

    def _send_in_turn(self, request: Request, upload: AudienceUpload | None, in_flight: InFlight) -> Any:
        with self.turn(request), in_flight() if isinstance(request.body, UploadForm) else nullcontext():
            return self.send(request, upload)

    def send(self, request: Request, upload: AudienceUpload | None) -> Any:
        """
        Send a request once, and return the data of the response.

        :param request: The request.
        :param upload: The upload whose file is sent with the request's form.
        :raises IQMError: IQM returned an error, or there is no complete response.
        """
        settings = self._settings
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
            progress = UploadProgress(self._log, upload.file.display_name)
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
                self._get_session().request(
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
        except REQUEST_ERRORS as error:
            failure = translate_error(
                error,
                request,
                iqm_conn_id=self._iqm_conn_id,
                settings=settings,
                read_timeout=read_timeout,
                limits=limits,
            )
        except OSError as error:
            # From requests, before it connects.
            failure = certificate_error(error)
        # Outside of the except block: chained exceptions would fill the log.
        raise failure

    def rate_limiter(self) -> RateLimiter | None:
        """Return the rate limiter that all hooks of this process share for the connection and the task."""
        task = running_task()
        return rate_limiter(self._settings, self._log, task=task, is_limited=task is not None)

    @contextmanager
    def turn(self, request: Request) -> Iterator[None]:
        """
        Wait until the rate limit allows a request; the block sends it.

        :param request: The request.
        """
        limiter = self.rate_limiter()
        if limiter is None:
            yield
            return
        turn, self.place = limiter.new_turn(self.place, iqm_conn_id=self._iqm_conn_id), None
        is_logged = False
        try:
            while (wait := turn.ask()) > 0:
                if wait >= MIN_LOGGED_WAIT and not is_logged:
                    self._log.info("Waiting %.0f s to %s: %s", wait, request.purpose, limiter.label)
                    is_logged = True
                self._sleep(min(wait, limiter.limit.poll_interval))
            turn.start()
            yield
        except IQMRateLimitError as error:
            turn.refuse(error.retry_after)
            raise
        finally:
            turn.end()
