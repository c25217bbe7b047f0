"""The hook to IQM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Unpack, cast

import requests
import tenacity
from airflow.providers.common.compat.sdk import mask_secret
from airflow.providers.http.hooks.http import HttpHook
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from airflow_provider_iqm.api import classic
from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.audience import AudienceField, DeletedAudiences, MatchedAudience, NewAudience
from airflow_provider_iqm.api.exchange import Exchange, LogIn
from airflow_provider_iqm.api.request import Call, Request, Result, basic_authorization
from airflow_provider_iqm.api.token import Token
from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.audience.cleaning import CleaningOptions
from airflow_provider_iqm.audience.stream import FileBody
from airflow_provider_iqm.audience.upload import AudienceUpload, prepare_upload
from airflow_provider_iqm.exceptions import (
    IQMConnectionError,
    IQMError,
    IQMInvalidAnswerError,
    IQMServerError,
    IQMTransportError,
    UploadOutcomeUnknownError,
)
from airflow_provider_iqm.hooks.connection import DEFAULT_HOST, IQMConnection
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.progress import UploadProgress
from airflow_provider_iqm.hooks.retrying import retrying

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

TRANSPORT_EXTRAS = ("verify", "cert", "proxies", "trust_env")
"""The extras of an HTTP connection that say how to reach a server; ``HttpHook`` makes headers of all others."""


class IQMHook(HttpHook):
    """
    Talks to IQM's API.

    The hook logs in once, before its first call, and keeps the log-in as long as it lives. Every error is one of
    :mod:`airflow_provider_iqm.exceptions`; those that retrying can't mend fail the task without a retry.

    :param iqm_conn_id: The connection to IQM, of the type ``iqm``.
    """

    conn_name_attr = "iqm_conn_id"
    default_conn_name = "iqm_default"
    conn_type = "iqm"
    hook_name = "IQM"
    default_host = DEFAULT_HOST

    def __init__(self, iqm_conn_id: str = default_conn_name) -> None:
        super().__init__(http_conn_id=iqm_conn_id)
        self.iqm_conn_id = iqm_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Log in, and return whether it worked and what to mend if it did not."""
        try:
            login = self._new_login()
            token = self._drive(login.token())
        except IQMError as error:
            return False, str(error)
        workspace = f"workspace {token.ow_id} at " if token.ow_id else ""
        return True, f"Logged in to {workspace}{login.credentials.workspace_host}."

    def get_column_list(self) -> list[AudienceField]:
        """
        Return the fields that the account can map columns to.

        :raises IQMApiError: where IQM answers with an error.
        """
        return self._call(classic.column_list())

    def upload_matched_audience(
        self,
        *,
        file_path: str | Path,
        audience_name: str,
        columns: Mapping[str, str],
        column_settings: Mapping[str, str] | None = None,
        **options: Unpack[CleaningOptions],
    ) -> int:
        """
        Check a file, clean it if that is asked for, upload it as a matched audience, and return the audience's id.

        :param file_path: A CSV or XLSX file of at most 1 GB and 5,000,000 records.
        :param audience_name: The audience's name.
        :param columns: The mapping, file column → IQM field, by system name or label.
        :param column_settings: IQM field → data format or data partner, where the mapping's kind needs one.
        :param options: How to clean the list, the arguments of
            :class:`~airflow_provider_iqm.audience.cleaning.Cleaning`.
        :raises AudienceFileError: where the file can't be uploaded.
        :raises ColumnMappingError: where the mapping fits neither the file nor IQM.
        :raises IQMApiError: where IQM answers with an error.
        """
        with final_errors_fail_the_task():
            upload = prepare_upload(
                file_path=file_path,
                audience_name=audience_name,
                columns=columns,
                column_settings=column_settings,
                **options,
            )
        with upload:
            return self.upload(upload)

    def upload(self, upload: AudienceUpload) -> int:
        """
        Upload what :func:`~airflow_provider_iqm.audience.upload.prepare_upload` has checked; return the new id.

        The file is streamed. The request is sent again only after an answer that says that nothing was done with it
        (HTTP 401 and 429).

        :param upload: The audience, its file and its mapping.
        :raises UploadOutcomeUnknownError: where the answer was lost, so that IQM may have created the audience.
        """
        file, mapping = upload.file, upload.mapping
        audience = NewAudience(
            name=upload.name,
            columns=mapping.columns,
            settings=mapping.settings,
            single_column=mapping.kind.single_column,
            file_name=file.name,
            media_type=file.media_type,
            file_bytes=file.size,
            file_columns=file.columns,
            samples=file.samples,
            records=file.records,
        )
        if upload.report:
            self.log.info("Cleaned the list for %s\n%s", file.name, upload.report)
        self.log.info(
            'Uploading matched audience "%s": %s, %s records, %.1f MB, matched by %s',
            upload.name,
            file.name,
            f"{file.records:,}",
            file.size / 1e6,
            mapping.kind.label,
        )
        # Whatever fails in the log-in, nothing of the audience has been sent.
        self._drive(self._login.token())
        with final_errors_fail_the_task():
            try:
                audience_id = self._call(classic.upload(audience), upload)
            except (IQMServerError, IQMInvalidAnswerError, IQMTransportError) as error:
                if isinstance(error, IQMTransportError) and not error.sent:
                    raise
                raise UploadOutcomeUnknownError(
                    f'The answer to the upload of "{upload.name}" was lost or no use, so IQM may have created the '
                    f"audience or not: {error} The upload is not repeated, since it may cost money twice. Look for the "
                    "audience in IQM; if it is not there, clear the task.",
                ) from error
        self.log.info('IQM created audience %s "%s"', audience_id, upload.name)
        return audience_id

    def get_matched_audience(self, audience_id: int) -> MatchedAudience:
        """
        Return what IQM says of an audience.

        :param audience_id: The audience's id.
        :raises AudienceNotFoundError: where the account has no such audience.
        """
        return self._call(classic.details(int(audience_id)))

    def find_matched_audiences(self, audience_name: str) -> list[MatchedAudience]:
        """
        Return the matched audiences of exactly this name, as far as IQM's list tells of them.

        How soon a new audience shows up in the list is not documented.

        :param audience_name: The whole name, in its letter case.
        """
        return self._call(classic.find(audience_name))

    def delete_audiences(self, audience_ids: int | Sequence[int]) -> DeletedAudiences:
        """
        Delete audiences, and return which are gone and which IQM kept.

        :param audience_ids: One id or several.
        """
        ids = [audience_ids] if isinstance(audience_ids, int) else [int(item) for item in audience_ids]
        return self._call(classic.delete(ids)) if ids else DeletedAudiences(deleted=[], failed=[])

    def run(
        self,
        endpoint: str | None = None,
        data: dict[str, Any] | str | None = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        **request_kwargs: Any,
    ) -> Any:
        """
        Make any other call of IQM's API, logged in, and return the data inside its answer.

        The method is that of the hook's attribute ``method``. A ``GET`` may be repeated, others are not.

        :param endpoint: The path below the API's base URL.
        :param data: The query of a ``GET``, or the body.
        :param headers: More headers.
        :param extra_options: Nothing of it is used: timeouts and the like are the connection's.
        :param request_kwargs: As for ``requests.Request``, such as ``json=``.
        """
        get = self.method == "GET"
        prepared = requests.Request(self.method, DEFAULT_HOST, data=None if get else data, **request_kwargs).prepare()
        content_type = {key: value for key, value in prepared.headers.items() if key == "Content-Type"}
        path = "/" + (endpoint or "").lstrip("/")
        request = Request(
            purpose=f"{self.method} {path}",
            method=self.method,
            path=path,
            params=data if get and isinstance(data, Mapping) else {},
            headers={**content_type, **(headers or {})},
            body=prepared.body.encode() if isinstance(prepared.body, str) else prepared.body,
            repeatable=get,
        )
        return self._call(Call(request, lambda answer: answer))

    @cached_property
    def settings(self) -> IQMConnection:
        """The connection's settings, its secrets masked in the log from here on."""
        with final_errors_fail_the_task():
            connection = self.get_connection(self.iqm_conn_id)
            return read_settings(connection, connection.extra_dejson)

    @cached_property
    def _session(self) -> requests.Session:
        return self.get_conn()

    @cached_property
    def _login(self) -> LogIn:
        return self._new_login()

    def _new_login(self) -> LogIn:
        return LogIn(self.settings.credentials, on_token=mask_token)

    def _call(self, call: Call[Result], upload: AudienceUpload | None = None) -> Result:
        return self._drive(self._login.call(call), upload)

    def _drive(self, exchange: Exchange[Result], upload: AudienceUpload | None = None) -> Result:
        """Send what an exchange asks to send, until it has its result."""
        with final_errors_fail_the_task():
            try:
                request = next(exchange)
                while True:
                    try:
                        data = self._send_and_retry(request, upload)
                    except IQMError as error:
                        request = exchange.throw(error)
                    else:
                        request = exchange.send(data)
            except StopIteration as done:
                return cast("Result", done.value)

    def _send_and_retry(self, request: Request, upload: AudienceUpload | None) -> Any:
        return tenacity.Retrying(**retrying(request, self.log))(self._send, request, upload)

    def _send(self, request: Request, upload: AudienceUpload | None) -> Any:
        """Send a request once, and return the data of its answer."""
        settings = self.settings
        read_timeout = settings.read_timeout
        connect_timeout = settings.connect_timeout
        body: Any = request.body
        if isinstance(body, UploadForm):
            if upload is None:
                raise TypeError("an upload's form goes out with its file")
            # urllib3 holds each piece of the body to the time-out for connecting.
            connect_timeout = read_timeout = settings.upload_timeout
            progress = UploadProgress(self.log, upload.file.name)
            body = FileBody(
                upload.file.path,
                size=upload.file.size,
                mtime_ns=upload.file.mtime_ns,
                prefix=body.prefix,
                suffix=body.suffix,
                progress=progress,
            )
        try:
            response = self._session.request(
                request.method,
                settings.base_url + request.path,
                params=request.params,
                headers=dict(request.headers),
                data=body,
                timeout=(connect_timeout, read_timeout),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._no_answer(request, error) from error
        return read_envelope(Answer(response.status_code, response.headers, response.content), request)

    def _no_answer(self, request: Request, error: requests.RequestException) -> IQMError:
        settings = self.settings
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
            return IQMConnectionError(
                f'Connection "{self.iqm_conn_id}": the host or the workspace host can\'t be used in a request.'
            )
        reasons: list[tuple[type[requests.RequestException], str]] = [
            (requests.exceptions.SSLError, "TLS failed: check the host's certificate"),
            (requests.exceptions.ProxyError, "the proxy refused or failed"),
            (requests.exceptions.ConnectTimeout, f"no connection within {settings.connect_timeout:g} s"),
            (requests.exceptions.Timeout, "the answer did not come within the connection's time-out"),
        ]
        default = "the connection failed or was lost"
        reason = next((reason for kind, reason in reasons if isinstance(error, kind)), default)
        return IQMTransportError(
            f"No answer from {settings.base_url} when asked to {request.purpose}: {reason}.",
            sent=not _failed_to_connect(error),
        )

    def _set_base_url(self, connection: Connection) -> None:
        self.base_url = self.settings.base_url
        self._base_url_initialized = True

    def _configure_session_from_auth(self, session: requests.Session, connection: Connection) -> requests.Session:
        # HttpHook would send login and password with every request; without any auth, requests would take the
        # host's entry in ~/.netrc in the place of the bearer token.
        session.auth = _leave_headers_alone
        return session

    def _configure_session_from_extra(
        self, session: requests.Session, connection: Connection, extra_options: dict[str, Any]
    ) -> requests.Session:
        extra = connection.extra_dejson
        transport = {key: extra[key] for key in TRANSPORT_EXTRAS if key in extra}
        return super()._configure_session_from_extra(
            session, SimpleNamespace(extra_dejson=transport, host=connection.host), extra_options
        )


def read_settings(connection: Connection, extra: Mapping[str, Any]) -> IQMConnection:
    """Read a connection, and have its secrets masked in the log."""
    settings = IQMConnection.read(connection, extra)
    credentials = settings.credentials
    for secret in (credentials.password, credentials.client_secret):
        mask_secret(secret)
    basic = basic_authorization(credentials.client_id, credentials.client_secret)
    mask_secret(basic.removeprefix("Basic "))
    return settings


def mask_token(token: Token) -> None:
    """Have a token masked in the log."""
    mask_secret(token.access_token)
    if token.refresh_token:
        mask_secret(token.refresh_token)


def _failed_to_connect(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError | ConnectTimeoutError)


def _leave_headers_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
