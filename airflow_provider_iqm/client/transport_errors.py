"""The errors for requests without a response, with the same messages for both hooks."""

from __future__ import annotations

from airflow_provider_iqm.api.answer_body import MAX_ANSWER_BYTES
from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMConnectionError, IQMTransportError

TLS_FAILED = "TLS failed, check the host's certificate"
PROXY_FAILED = "the proxy refused or failed"
NOT_CONNECTED = "could not connect"
CONNECTION_LOST = "the connection was lost"
CLOSED = "the server closed the connection without a response"
CUT_OFF = "the response was cut off"
NOT_HTTP = "the response isn't valid HTTP"
TOO_LARGE = f"the response is larger than {MAX_ANSWER_BYTES >> 20} MB"

_SHOWING_THE_CAUSE = (TLS_FAILED, PROXY_FAILED, NOT_CONNECTED, CONNECTION_LOST)

_LOST = {
    CLOSED: ("RemoteDisconnected", "ServerDisconnectedError"),
    CUT_OFF: ("ClientPayloadError", "ContentLengthError", "IncompleteRead", "TransferEncodingError"),
    NOT_HTTP: (
        "BadHttpMessage",
        "BadStatusLine",
        "HTTPException",
        "InvalidHeader",
        "LineTooLong",
        "ProtocolError",
        "UnknownProtocol",
        "ValueError",
    ),
}
"""Reason → the exceptions of the two HTTP clients."""


def connect_timed_out(settings: IQMConnection) -> str:
    """Return the reason for a timeout while connecting."""
    return f"no connection within {min(settings.connect_timeout, settings.request_timeout):g} s (connect timeout)"


def read_timed_out(seconds: float) -> str:
    """
    Return the reason for a read timeout.

    :param seconds: The timeout.
    """
    return f"no data for {seconds:g} s (read timeout)"


def request_timed_out(settings: IQMConnection) -> str:
    """Return the reason for a response that isn't complete within the request timeout."""
    return f"the response wasn't complete after {settings.request_timeout:g} s (request_timeout)"


def proxy_refused(status: int | str) -> str:
    """
    Return the reason for a proxy that doesn't open a tunnel.

    :param status: The HTTP status of its response.
    """
    advice = ", check the user and the password in its URL" if str(status) == "407" else ""
    return f"the proxy returned HTTP {status}{advice}"


def lost(error: BaseException) -> str:
    """
    Return the reason for a connection that was lost before the response was complete.

    :param error: The HTTP client's exception.
    """
    cause = _root_cause(error)
    return next((reason for reason, names in _LOST.items() if cause in names), CONNECTION_LOST)


def no_answer(
    settings: IQMConnection, request: Request, reason: str, *, sent: bool, error: BaseException | None = None
) -> IQMTransportError:
    """
    Return the error for a request without a response.

    It has the class of the HTTP client's exception, but not its message, which may contain a proxy's password. Raise it
    outside of the ``except`` block, so that the client's exceptions aren't chained to it.

    :param settings: The connection's settings.
    :param request: The request.
    :param reason: Why there is no response.
    :param sent: Whether any of the request may have reached IQM.
    :param error: The HTTP client's exception.
    """
    cause = f" ({_root_cause(error)})" if error and reason in _SHOWING_THE_CAUSE else ""
    return IQMTransportError(
        f"Failed to {request.purpose}: no response from {settings.base_url}: {reason}{cause}.", sent=sent
    )


def unusable_address(iqm_conn_id: str) -> IQMConnectionError:
    """Return the error for settings that don't result in a valid request."""
    return IQMConnectionError(
        f'Connection "{iqm_conn_id}": the host, the workspace host or the proxy is invalid. Correct it.'
    )


def _root_cause(error: BaseException) -> str:
    """Return the class of the innermost exception, such as ``ConnectionRefusedError``."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return type(error).__name__
