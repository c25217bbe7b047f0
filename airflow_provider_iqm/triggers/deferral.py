"""Defers a task's wait for audiences to the triggerer, and parses the trigger's event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_iqm.exceptions import AudienceFailedError, IQMError, IQMFinalError
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger, WaitOutcome
from airflow_provider_iqm.vocabulary import AudienceStatus

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_iqm.api.audience import ReadyAudience

TIMEOUT_MARGIN = timedelta(minutes=5)
"""
Airflow ends a deferred task this much later than the trigger's own timeout, whose message names the pending audiences.
Only needed if no triggerer is running.
"""


def defer_until_ready(task: BaseOperator, trigger: AudienceReadyTrigger) -> NoReturn:
    """
    Defer the wait to a trigger; the task resumes in ``execute_complete``.

    :param task: The task.
    :param trigger: The trigger.
    """
    timeout = None if trigger.deadline is None else timedelta(seconds=trigger.deadline - time.time()) + TIMEOUT_MARGIN
    task.log.info("%s", f"Deferring; {trigger.describe_polling()}")
    task.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
    raise AssertionError("defer() raises")


def parse_ready_event(event: Any, expected: list[int] | int) -> list[ReadyAudience]:
    """
    Return the ready audiences of a trigger's event.

    :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
    :param expected: The ids of the audiences, or their number; an event about other audiences is rejected.
    :raises AudienceFailedError: An audience failed, was rejected or was deleted.
    :raises AirflowSensorTimeout: The wait timed out.
    :raises IQMFinalError: A poll failed with an error that isn't retryable.
    :raises IQMError: The event isn't recognized.
    """
    with final_errors_fail_the_task():
        match event:
            case {"kind": WaitOutcome.READY, "audiences": [*audiences]} if _are_ready(audiences, expected):
                return audiences
            case {"kind": WaitOutcome.FAILED, "message": str(message)}:
                raise AudienceFailedError(message)
            case {"kind": WaitOutcome.ERROR, "message": str(message)}:
                raise IQMFinalError(message)
            case {"kind": WaitOutcome.TIMEOUT, "message": str(message)}:
                raise AirflowSensorTimeout(message)
    # Not an AirflowException, which soft_fail would turn into a skip.
    raise IQMError(
        "Unrecognized trigger event, so the audiences don't count as ready. Install the same "
        "release of airflow-provider-iqm in the triggerer and on the workers, then clear the task."
    )


def _are_ready(audiences: list[Any], expected: list[int] | int) -> bool:
    """Return whether an event's audiences are the expected ones, and all of them are ready."""
    ready = [
        item["id"]
        for item in audiences
        if isinstance(item, Mapping) and item.get("status") == AudienceStatus.READY and isinstance(item.get("id"), int)
    ]
    return len(ready) == len(audiences) and expected in (ready, len(ready))
