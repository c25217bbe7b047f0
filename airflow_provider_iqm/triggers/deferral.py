"""Defers a task's wait for audiences to the triggerer, and reads the trigger's event."""

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
How much later than the wait's own time-out Airflow ends a deferred task. The trigger ends it first and says what is not
ready; this is for a wait that no triggerer looks after.
"""


def defer_until_ready(
    task: BaseOperator,
    trigger: AudienceReadyTrigger,
) -> NoReturn:
    """
    Defer the wait to a trigger; the task resumes with its ``execute_complete``.

    :param task: The task.
    :param trigger: The trigger.
    """
    timeout = None if trigger.deadline is None else timedelta(seconds=trigger.deadline - time.time()) + TIMEOUT_MARGIN
    task.log.info("%s", f"Deferring; {trigger.describe_polling()}")
    task.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
    raise AssertionError("defer() raises")


def parse_ready_event(event: Any, awaited: list[int] | int) -> list[ReadyAudience]:
    """
    Return the audiences that a trigger's event says are ready, or raise what kept them from it.

    :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
    :param awaited: The audiences that were waited for, or how many; an event about others counts for nothing.
    """
    with final_errors_fail_the_task():
        match event:
            case {"kind": WaitOutcome.READY, "audiences": [*audiences]} if _are_ready(audiences, awaited):
                return audiences
            case {"kind": WaitOutcome.FAILED, "message": str(message)}:
                raise AudienceFailedError(message)
            case {"kind": WaitOutcome.ERROR, "message": str(message)}:
                raise IQMFinalError(message)
            case {"kind": WaitOutcome.TIMEOUT, "message": str(message)}:
                raise AirflowSensorTimeout(message)
    # No AirflowException, which soft_fail would take for a wait that was too long.
    raise IQMError(
        "Unrecognized trigger event, so the audiences don't count as ready. Install the same "
        "release of airflow-provider-iqm in the triggerer and on the workers, then run the task again."
    )


def _are_ready(audiences: list[Any], awaited: list[int] | int) -> bool:
    """Return whether an event's audiences are the ones asked for, and each of them ready."""
    told = [
        item["id"]
        for item in audiences
        if isinstance(item, Mapping) and item.get("status") == AudienceStatus.READY and isinstance(item.get("id"), int)
    ]
    return len(told) == len(audiences) and awaited in (told, len(told))
