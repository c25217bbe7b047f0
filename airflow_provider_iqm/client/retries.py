"""Which requests are sent again, and after how long: one rule for the sync hook and the async one."""

from __future__ import annotations

from typing import Any

import tenacity

from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.exceptions import IQMApiError, IQMRateLimitError, IQMServerError, IQMTransportError
from airflow_provider_iqm.log import Log

MAX_ATTEMPTS = 5
"""How often a request is sent that meets with server errors or lost connections."""

MAX_RATE_LIMITED_WAIT = 3600.0
"""The longest that HTTP 429 is waited out in place, in seconds altogether; past it, the task's retries go on."""

MAX_WAIT = 60.0
"""The longest wait between two attempts in seconds, where the server doesn't say."""

MAX_RETRY_AFTER = 300.0
"""The longest ``Retry-After`` of a server error that is waited out here, in seconds."""

_backoff = tenacity.wait_exponential_jitter(initial=1, max=MAX_WAIT, jitter=1)


def retrying(request: Request, log: Log) -> dict[str, Any]:
    """Return the arguments of tenacity's ``Retrying`` or ``AsyncRetrying`` for a request."""

    def may_retry(error: BaseException) -> bool:
        if request.optional:
            return False
        if isinstance(error, IQMRateLimitError):
            # Refused before any work was done: safe for an upload too.
            return True
        if isinstance(error, IQMApiError) and (error.retry_after or 0) > MAX_RETRY_AFTER:
            return False
        return request.repeatable and isinstance(error, IQMServerError | IQMTransportError)

    def tell(state: tenacity.RetryCallState) -> None:
        log.warning("%s Next attempt in %.1f s.", _error(state), state.upcoming_sleep)

    return {
        "retry": tenacity.retry_if_exception(may_retry),
        "wait": _wait,
        "stop": _stop,
        "before_sleep": tell,
        "reraise": True,
    }


def _wait(state: tenacity.RetryCallState) -> float:
    error = _error(state)
    asked = error.retry_after if isinstance(error, IQMApiError) else None
    if asked is None:
        return _backoff(state)
    # All tasks of an account are told the same moment; they need not all come back in it.
    return asked + tenacity.wait_random(0, 1)(state)


def _stop(state: tenacity.RetryCallState) -> bool:
    if isinstance(_error(state), IQMRateLimitError):
        return state.idle_for + state.upcoming_sleep > MAX_RATE_LIMITED_WAIT
    return state.attempt_number >= MAX_ATTEMPTS


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
