"""The errors for requests that got no answer: the same words from the sync hook and the async one."""

from __future__ import annotations

from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.exceptions import IQMConnectionError, IQMTransportError
from airflow_provider_iqm.hooks.connection import IQMConnection

TLS_FAILED = "TLS failed: check the host's certificate"
PROXY_FAILED = "the proxy refused or failed"
CONNECTION_LOST = "the connection failed or was lost"
ANSWER_LATE = "the answer did not come within the connection's time-out"


def not_connected_in_time(settings: IQMConnection) -> str:
    """Return the reason of a time-out while connecting."""
    return f"no connection within {settings.connect_timeout:g} s"


def no_answer(settings: IQMConnection, request: Request, reason: str, *, sent: bool) -> IQMTransportError:
    """
    Return the error for a request without an answer.

    :param settings: The connection's settings.
    :param request: The request.
    :param reason: Why there is no answer.
    :param sent: Whether any of the request may have reached IQM.
    """
    return IQMTransportError(
        f"No answer from {settings.base_url} when asked to {request.purpose}: {reason}.", sent=sent
    )


def unusable_address(iqm_conn_id: str) -> IQMConnectionError:
    """Return the error for settings that no request can be made of."""
    return IQMConnectionError(
        f'Connection "{iqm_conn_id}": the host or the workspace host can\'t be used in a request.'
    )
