"""Translates the exceptions of ``aiohttp`` into the errors of this package."""

from __future__ import annotations

import aiohttp

from airflow_provider_iqm.api.answer_body import AnswerTooLargeError
from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.client import transport_errors
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMError

REQUEST_ERRORS = (aiohttp.ClientError, TimeoutError, AnswerTooLargeError)
"""The exceptions of a request without a complete response."""


def translate_error(
    error: Exception, request: Request, *, iqm_conn_id: str, settings: IQMConnection, has_proxy: bool
) -> IQMError:
    """
    Return the error for a request without a complete response.

    :param error: One of :data:`REQUEST_ERRORS`.
    :param request: The request.
    :param iqm_conn_id: The connection's id.
    :param settings: Its settings.
    :param has_proxy: Whether the request was sent to a proxy.
    """
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return transport_errors.unusable_address(iqm_conn_id)
    proxy_status = error.status if isinstance(error, aiohttp.ClientHttpProxyError) else 0
    reasons: list[tuple[type[Exception], str]] = [
        (AnswerTooLargeError, transport_errors.TOO_LARGE),
        (aiohttp.ClientSSLError, transport_errors.TLS_FAILED),
        (aiohttp.ClientProxyConnectionError, transport_errors.PROXY_FAILED),
        (aiohttp.ClientHttpProxyError, transport_errors.proxy_refused(proxy_status)),
        (
            aiohttp.ClientConnectorDNSError,
            transport_errors.PROXY_FAILED if has_proxy else transport_errors.NOT_CONNECTED,
        ),
        (aiohttp.ConnectionTimeoutError, transport_errors.connect_timed_out(settings)),
        (aiohttp.SocketTimeoutError, transport_errors.read_timed_out(settings.read_timeout)),
        (TimeoutError, transport_errors.request_timed_out(settings)),
    ]
    connected = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    otherwise = transport_errors.lost(error) if connected else transport_errors.NOT_CONNECTED
    reason = next((reason for kind, reason in reasons if isinstance(error, kind)), otherwise)
    return transport_errors.no_answer(settings, request, reason, sent=connected, error=error)
