"""Retries tasks based on IQM's errors; needs Airflow 3.3 or later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.exceptions import IQMApiError, IQMFinalError

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError as error:
    raise ImportError(
        "IQMRetryPolicy needs Airflow 3.3 or later. On earlier releases, remove retry_policy=: errors that aren't "
        "retryable fail the task immediately there too, and other retries follow the task's retry_delay."
    ) from error

if TYPE_CHECKING:
    from airflow.sdk import Context

MAX_RETRY_DELAY = timedelta(hours=1)
"""The longest ``Retry-After`` that is honored."""


class IQMRetryPolicy(RetryPolicy):
    """
    Don't retry errors that aren't retryable, and honor IQM's ``Retry-After``.

    - An :class:`~airflow_provider_iqm.exceptions.IQMFinalError`, also as the cause of another error, fails the task.
    - If IQM's response has a ``Retry-After``, the next try waits that long, up to an hour.
    - All other errors follow the task's ``retries`` and ``retry_delay``.

    ``retry_policy=IQMRetryPolicy()`` works for any task, including Python tasks that call the hook.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """
        Decide whether and when to retry.

        :param exception: The error that failed the task.
        :param try_number: The try that failed, counted from 1.
        :param max_tries: The maximum number of tries.
        :param context: The task's context.
        """
        for error in _chain(exception):
            if isinstance(error, IQMFinalError):
                return RetryDecision.fail(f"{type(error).__name__}: not retryable")
            if isinstance(error, IQMApiError) and error.retry_after is not None:
                delay = min(timedelta(seconds=error.retry_after), MAX_RETRY_DELAY)
                return RetryDecision.retry(delay, f"Retry-After: {delay.total_seconds():.0f} s")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the policy's arguments: none."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> IQMRetryPolicy:  # noqa: ARG003
        """
        Create the policy from its serialized arguments.

        :param data: The return value of :meth:`serialize`.
        """
        return cls()


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    error: BaseException | None = exception
    while error is not None:
        yield error
        error = error.__cause__
