"""When Airflow tries a task again, decided by what IQM said; from Airflow 3.3 on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.exceptions import IQMApiError, IQMFinalError

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError as error:
    raise ImportError(
        "IQMRetryPolicy needs Airflow 3.3 or later. On earlier releases leave out retry_policy=: what retrying can't "
        "mend fails the task at once there too, and the other tries follow the task's retry_delay."
    ) from error

if TYPE_CHECKING:
    from airflow.sdk import Context

LONGEST_WAIT = timedelta(hours=1)
"""What a task waits at most because a server asked for it."""


class IQMRetryPolicy(RetryPolicy):
    """
    Try again when IQM said, and not at all where trying again can't help.

    - An :class:`~airflow_provider_iqm.exceptions.IQMFinalError`, also behind another error of the task, fails the task.
    - Where IQM's answer said how long to wait, the next try waits as long, an hour at most.
    - Anything else follows the task's own ``retries`` and ``retry_delay``.

    ``retry_policy=IQMRetryPolicy()`` may be given to any task, such as one that calls the hook in Python.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """
        Decide about the next try.

        :param exception: What the task failed with.
        :param try_number: The try that failed, counted from 1.
        :param max_tries: How many tries there may be.
        :param context: The task's context.
        """
        for error in _chain(exception):
            if isinstance(error, IQMFinalError):
                return RetryDecision.fail(f"{type(error).__name__}: trying again can't mend it")
            if isinstance(error, IQMApiError) and error.retry_after is not None:
                delay = min(timedelta(seconds=error.retry_after), LONGEST_WAIT)
                return RetryDecision.retry(delay, f"IQM asked to wait {delay.total_seconds():.0f} s")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return what Airflow needs to make the policy again: nothing, it has no arguments."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> IQMRetryPolicy:  # noqa: ARG003
        """
        Make the policy again.

        :param data: What :meth:`serialize` returned.
        """
        return cls()


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from."""
    error: BaseException | None = exception
    while error is not None:
        yield error
        error = error.__cause__
