"""The errors for requests that got no answer: the same words from the sync hook and the async one."""

from __future__ import annotations

from airflow_provider_iqm.api.answer_body import MAX_ANSWER_BYTES
from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMConnectionError, IQMTransportError

TLS_FAILED = "TLS failed: check the host's certificate"
PROXY_FAILED = "the proxy refused or failed"
NOT_CONNECTED = "could not connect"
CONNECTION_LOST = "the connection was lost"
CLOSED = "the server closed the connection without an answer"
CUT_OFF = "the answer was cut off"
NOT_HTTP = "the answer isn't valid HTTP"
TOO_LARGE = f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MB"

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
"""What the two HTTP clients call the ways in which an answer is lost."""


def not_connected_in_time(settings: IQMConnection) -> str:
    """Return the reason for a timeout while connecting."""
    return f"no connection within {min(settings.connect_timeout, settings.request_timeout):g} s"


def silent(seconds: float) -> str:
    """
    Return the reason for a read timeout.

    :param seconds: The timeout.
    """
    return f"nothing came for {seconds:g} s"


def too_late(settings: IQMConnection) -> str:
    """Return the reason for an answer that isn't complete within the request timeout."""
    return f"the answer wasn't complete after {settings.request_timeout:g} s (request_timeout)"


def proxy_refused(status: int | str) -> str:
    """
    Return the reason for a proxy that opens no tunnel.

    :param status: The HTTP status of its answer.
    """
    advice = ": check the user and the password in its address" if str(status) == "407" else ""
    return f"the proxy answered HTTP {status}{advice}"


def lost(error: BaseException) -> str:
    """
    Return the reason for a connection that was there, but brought no whole answer.

    :param error: What the HTTP client raised.
    """
    cause = _root_cause(error)
    return next((reason for reason, names in _LOST.items() if cause in names), CONNECTION_LOST)


def no_answer(
    settings: IQMConnection, request: Request, reason: str, *, sent: bool, error: BaseException | None = None
) -> IQMTransportError:
    """
    Return the error for a request without an answer.

    Where it says more, it names the class of what the HTTP client raised, and nothing else of it: that may hold a
    proxy's password. Raise it outside of the ``except`` block, so that the client's chain of exceptions doesn't come
    with it.

    :param settings: The connection's settings.
    :param request: The request.
    :param reason: Why there is no answer.
    :param sent: Whether any of the request may have reached IQM.
    :param error: What the HTTP client raised.
    """
    cause = f" ({_root_cause(error)})" if error and reason in _SHOWING_THE_CAUSE else ""
    return IQMTransportError(
        f"No answer from {settings.base_url}: {reason}{cause}, when asked to {request.purpose}.", sent=sent
    )


def unusable_address(iqm_conn_id: str) -> IQMConnectionError:
    """Return the error for settings that no request can be made of."""
    return IQMConnectionError(
        f'Connection "{iqm_conn_id}": the host or the workspace host can\'t be used in a request, or its proxy.'
    )


def _root_cause(error: BaseException) -> str:
    """Return the class of the innermost exception, such as ``ConnectionRefusedError``."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return type(error).__name__
