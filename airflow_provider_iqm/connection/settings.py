"""The settings of an Airflow connection of type ``iqm``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_iqm.api.dialects import API_VERSIONS
from airflow_provider_iqm.api.request import basic_authorization, fits_header
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.connection.form import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_HOST,
    DEFAULT_RATE_LIMIT_POOL,
    DEFAULT_RATE_LIMIT_WINDOW,
    DEFAULT_READ_TIMEOUT,
    DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_UPLOAD_TIMEOUT,
    DEFAULT_WORKSPACE_HOST,
    FIELDS,
    RATE_LIMIT_SCOPES,
)
from airflow_provider_iqm.connection.transport import check_transport, proxy_passwords
from airflow_provider_iqm.exceptions import IQMConnectionError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)

MAX_SECONDS = 1_000_000
"""The longest timeout; sockets don't support much longer ones."""


@dataclass(frozen=True, kw_only=True)
class IQMConnection:
    """
    The validated settings of a connection.

    :param base_url: The API's URL, without a trailing slash.
    :param credentials: The credentials of the login.
    :param api_version: The version of IQM's API that the account uses.
    :param connect_timeout: Seconds to wait for a connection.
    :param read_timeout: Seconds without receiving data before a request fails.
    :param request_timeout: Seconds for a whole request; for an upload, counted from the end of the file.
    :param upload_timeout: Seconds without progress before an upload fails.
    :param rate_limit_pool: The Airflow pool of the account's tasks; in scope ``pool``, one slot is one request per
        window.
    :param rate_limit_window: Length of the rate limit window in seconds.
    :param rate_limit_scope: What shares the rate limit: ``host``, ``shared`` or ``pool``; ``auto`` chooses.
    :param requests_per_minute: Requests per window. None for
        :data:`~airflow_provider_iqm.connection.form.DEFAULT_REQUESTS_PER_MINUTE`, or, in scope ``pool`` and outside of
        tasks and triggers, for no limit.
    :param shared_state_conn_id: The Airflow connection to the store that hosts share; empty for none.
    :param proxy_passwords: The passwords in the proxy URLs of the extra ``proxies``.
    """

    base_url: str
    credentials: Credentials
    api_version: str = API_VERSIONS[0]
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    read_timeout: float = DEFAULT_READ_TIMEOUT
    request_timeout: float = DEFAULT_REQUEST_TIMEOUT
    upload_timeout: float = DEFAULT_UPLOAD_TIMEOUT
    rate_limit_pool: str = DEFAULT_RATE_LIMIT_POOL
    rate_limit_window: float = DEFAULT_RATE_LIMIT_WINDOW
    rate_limit_scope: str = RATE_LIMIT_SCOPES[0]
    requests_per_minute: int | None = None
    shared_state_conn_id: str = ""
    proxy_passwords: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values to mask in logs."""
        own = self.credentials
        basic = basic_authorization(own.client_id, own.client_secret)
        return own.password, own.client_secret, basic.removeprefix("Basic "), *self.proxy_passwords

    @classmethod
    def read(cls, connection: Connection, extra: Mapping[str, Any]) -> IQMConnection:
        """
        Read an Airflow connection.

        :param connection: The connection.
        :param extra: Its extra; an event loop has to read it asynchronously.
        :raises IQMConnectionError: Fields are missing (the message names all of them) or invalid.
        """
        name = f'Connection "{connection.conn_id}"'
        check_transport(extra, name)
        # Airflow's form may save empty fields.
        extra = {key: value for key, value in extra.items() if value not in (None, "")}
        given = {**extra, "login": connection.login, "password": connection.password}
        missing = [str(item) for item in FIELDS.values() if item.required and not given.get(item.name)]
        if missing:
            raise IQMConnectionError(f"{name} lacks {', '.join(missing)}. Fill in the missing fields, and run again.")
        for item in FIELDS.values():
            if item.required:
                _check_text(str(given[item.name]), item.name, name)
        version = str(extra.get("api_version", API_VERSIONS[0])).strip().casefold()
        if version not in API_VERSIONS:
            raise IQMConnectionError(
                f'{name}: {FIELDS["api_version"]} "{version}" is unknown. Use one of {", ".join(API_VERSIONS)}.'
            )
        scope = str(extra.get("rate_limit_scope", RATE_LIMIT_SCOPES[0])).strip().casefold()
        shared_state_conn_id = str(extra.get("shared_state_conn_id", "")).strip()
        _check_scope(scope, shared_state_conn_id, name)
        seconds = {
            key: _seconds(extra[key], key, name)
            for key in ("connect_timeout", "read_timeout", "request_timeout", "upload_timeout", "rate_limit_window")
            if key in extra
        }
        return cls(
            base_url=_base_url(connection, extra, name),
            credentials=Credentials(
                email=str(connection.login),
                password=str(connection.password),
                client_id=str(extra["client_id"]),
                client_secret=str(extra["client_secret"]),
                workspace_host=_workspace_host(extra, name),
                ow_id=_ow_id(extra.get("ow_id", ""), name),
            ),
            proxy_passwords=proxy_passwords(extra),
            api_version=version,
            rate_limit_pool=str(extra.get("rate_limit_pool", DEFAULT_RATE_LIMIT_POOL)),
            rate_limit_scope=scope,
            requests_per_minute=_requests(extra.get("requests_per_minute"), name),
            shared_state_conn_id=shared_state_conn_id,
            **seconds,
        )


def _check_scope(scope: str, shared_state_conn_id: str, name: str) -> None:
    if scope not in RATE_LIMIT_SCOPES:
        raise IQMConnectionError(
            f'{name}: {FIELDS["rate_limit_scope"]} "{scope}" is unknown. Use one of {", ".join(RATE_LIMIT_SCOPES)}.'
        )
    if scope == "shared" and not shared_state_conn_id:
        raise IQMConnectionError(
            f"{name}: {FIELDS['rate_limit_scope']} shared needs {FIELDS['shared_state_conn_id']}, the ID of an Airflow "
            "connection of type redis or postgres."
        )


def _base_url(connection: Connection, extra: Mapping[str, Any], name: str) -> str:
    host = (connection.host or DEFAULT_HOST).strip()
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}"
    if any(mark in host for mark in "@?#"):
        raise IQMConnectionError(
            f"{name}: {FIELDS['host']} can only contain a scheme, a host name, a port and a path. Enter the email and "
            "the password in their own fields."
        )
    try:
        parts = urlsplit(host)
        port = parts.port or connection.port
    except ValueError:
        parts, port = urlsplit(""), None
    hostname = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _is_host_name(hostname) or not fits_header(parts.path):
        raise IQMConnectionError(f"{name}: {FIELDS['host']} isn't a URL such as {DEFAULT_HOST}.")
    if parts.scheme == "http" and not _is_loopback(hostname) and not _is_true(extra.get("allow_http")):
        raise IQMConnectionError(
            f"{name}: {FIELDS['host']} is an http:// URL: the password and personal data would be sent unencrypted. "
            'Use https://, or set "allow_http": true in the extra if the network itself is encrypted.'
        )
    hostname = f"[{hostname}]" if ":" in hostname else hostname
    return f"{parts.scheme}://{hostname}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _is_host_name(hostname: str) -> bool:
    try:
        if ":" in hostname:
            return bool(ipaddress.ip_address(hostname))
        return HOST_NAME.fullmatch(hostname.encode("idna").decode()) is not None
    except ValueError:
        return False


def _is_loopback(hostname: str) -> bool:
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def _workspace_host(extra: Mapping[str, Any], name: str) -> str:
    host = str(extra.get("workspace_host", DEFAULT_WORKSPACE_HOST)).strip()
    if "://" in host:
        # Users copy it from the browser's address bar; the header takes only the host.
        try:
            host = urlsplit(host).netloc
        except ValueError:
            host = ""
    host = host.rstrip("/")
    if not HOST_NAME.fullmatch(host.partition(":")[0]) or not re.fullmatch(r"[^:]+(:\d{1,5})?", host):
        raise IQMConnectionError(
            f"{name}: {FIELDS['workspace_host']} isn't a host name such as {DEFAULT_WORKSPACE_HOST}."
        )
    return host


def _ow_id(value: Any, name: str) -> str:
    ow_id = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int) or not fits_header(ow_id):
        raise IQMConnectionError(f"{name}: {FIELDS['ow_id']} isn't an ID such as 200001.")
    return ow_id


def _check_text(value: str, key: str, name: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        # No "from": the error would show the value.
        raise IQMConnectionError(
            f"{name}: {FIELDS[key]} contains a character that can't be sent. Enter it again."
        ) from None


def _seconds(value: Any, key: str, name: str) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise IQMConnectionError(
            f"{name}: {FIELDS[key]} must be a number of seconds, greater than 0 and at most {MAX_SECONDS:,}."
        )
    return seconds


def _requests(value: Any, name: str) -> int | None:
    if value is None:
        return None
    try:
        requests = int(value)
    except (TypeError, ValueError, OverflowError):
        requests = 0
    if requests < 1:
        raise IQMConnectionError(
            f"{name}: {FIELDS['requests_per_minute']} must be a whole number of requests, 1 or more."
        )
    return requests
