"""Decides which requests are retried, and when, for both hooks."""

from __future__ import annotations

from typing import Any

import tenacity

from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.exceptions import IQMApiError, IQMRateLimitError, IQMServerError, IQMTransportError
from airflow_provider_iqm.log import Log

MAX_ATTEMPTS = 5
"""The maximum number of attempts after server errors and lost connections."""

MAX_RATE_LIMITED_WAIT = 3600.0
"""The maximum total wait after HTTP 429, in seconds; after that, the task's own retries apply."""

MAX_WAIT = 60.0
"""The maximum wait between two attempts without a ``Retry-After``, in seconds."""

MAX_RETRY_AFTER = 300.0
"""The maximum ``Retry-After`` of a server error that is waited for, in seconds."""

_backoff = tenacity.wait_exponential_jitter(initial=1, max=MAX_WAIT, jitter=1)


def retrying(request: Request, log: Log) -> dict[str, Any]:
    """Return the arguments of tenacity's ``Retrying`` or ``AsyncRetrying`` for a request."""

    def may_retry(error: BaseException) -> bool:
        if request.optional:
            return False
        if isinstance(error, IQMRateLimitError):
            # IQM does no work before a 429, so even an upload can be sent again.
            return True
        if isinstance(error, IQMApiError) and (error.retry_after or 0) > MAX_RETRY_AFTER:
            return False
        return request.repeatable and isinstance(error, IQMServerError | IQMTransportError)

    def log_retry(state: tenacity.RetryCallState) -> None:
        log.warning("%s Next attempt in %.1f s.", _error(state), state.upcoming_sleep)

    return {
        "retry": tenacity.retry_if_exception(may_retry),
        "wait": _wait,
        "stop": _stop,
        "before_sleep": log_retry,
        "reraise": True,
    }


def _wait(state: tenacity.RetryCallState) -> float:
    error = _error(state)
    retry_after = error.retry_after if isinstance(error, IQMApiError) else None
    if retry_after is None:
        return _backoff(state)
    # With jitter: all tasks of an account may get the same Retry-After.
    return retry_after + tenacity.wait_random(0, 1)(state)


def _stop(state: tenacity.RetryCallState) -> bool:
    if isinstance(_error(state), IQMRateLimitError):
        return state.idle_for + state.upcoming_sleep > MAX_RATE_LIMITED_WAIT
    return state.attempt_number >= MAX_ATTEMPTS


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
