"""Translates the exceptions of ``requests`` into the errors of this package."""

from __future__ import annotations

import re
import ssl

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from airflow_provider_iqm.api.answer_body import AnswerTooLargeError
from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.client import transport_errors
from airflow_provider_iqm.client.answer_limits import AnswerLimits
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMError

REQUEST_ERRORS = (requests.RequestException, HTTPError, AnswerTooLargeError)
"""The exceptions of a request without a complete response."""

_UNUSABLE = (requests.exceptions.InvalidHeader, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL)


def translate_error(
    error: Exception,
    request: Request,
    *,
    iqm_conn_id: str,
    settings: IQMConnection,
    read_timeout: float,
    limits: AnswerLimits,
) -> IQMError:
    """
    Return the error for a request without a complete response.

    :param error: One of :data:`REQUEST_ERRORS`.
    :param request: The request.
    :param iqm_conn_id: The connection's id.
    :param settings: Its settings.
    :param read_timeout: The read timeout of the request, in seconds.
    :param limits: The limits of the response.
    """
    unusable = isinstance(error, _UNUSABLE)
    # With a urllib3 error, the invalid header is one of the response.
    if unusable and not (error.args and isinstance(error.args[0], HTTPError)):
        return transport_errors.unusable_address(iqm_conn_id)
    if isinstance(error, AnswerTooLargeError):
        return transport_errors.no_answer(settings, request, transport_errors.TOO_LARGE, sent=True)
    if limits.too_late:
        return transport_errors.no_answer(settings, request, transport_errors.request_timed_out(settings), sent=True)
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
