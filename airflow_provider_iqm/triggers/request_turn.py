"""Waits in the triggerer until an account's rate limit allows a request soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_iqm.exceptions import IQMFinalError
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_rate_limit_wait
from airflow_provider_iqm.triggers.deferral import TIMEOUT_MARGIN
from airflow_provider_iqm.triggers.matched_audience import get_shared_hook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_iqm.hooks.iqm import IQMHook

MAX_SLOT_WAIT = 30.0
"""The longest wait for the rate limit, in seconds, that a deferrable task spends in a worker slot."""

HOLD = 180.0
"""Seconds to keep the place in the queue while Airflow starts the trigger, or while the task prepares its list."""

MAX_DEFERRAL = 3600.0
"""The longest wait in the triggerer, in seconds; the task waits for the rest in its worker slot."""


class RequestTurnTrigger(BaseTrigger):
    """
    Wait until a request may be sent within :data:`MAX_SLOT_WAIT` seconds, and fire one event.

    The event is a dict: ``request`` is the id of the request, which has a place in the account's queue unless the
    ledger's store is unavailable.

    :param iqm_conn_id: The connection to IQM.
    :param request: The request's id.
    :param deadline: The end of the wait, in seconds since 1970, so that a trigger that is restarted in another
        triggerer doesn't wait longer.
    """

    def __init__(self, iqm_conn_id: str, request: str, deadline: float) -> None:
        super().__init__()
        self.iqm_conn_id = iqm_conn_id
        self.request = request
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's class path and arguments."""
        arguments = {"iqm_conn_id": self.iqm_conn_id, "request": self.request, "deadline": self.deadline}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        yield TriggerEvent({"request": await self._wait()})

    async def _wait(self) -> str:
        hook, start = get_shared_hook(self.iqm_conn_id), time.monotonic()
        try:
            while place := await hook._reserve_turn(self.request, longer_than=MAX_SLOT_WAIT, seconds=HOLD):
                remaining = self.deadline - time.time()
                if remaining <= 0:
                    break
                # Often enough to notice that others have left the queue, and to keep the place.
                await asyncio.sleep(min(place.wait - MAX_SLOT_WAIT, MAX_SLOT_WAIT, remaining))
        except IQMFinalError as error:
            # The task fails with it, in its first request.
            self.log.warning("%s", error)
        report_rate_limit_wait(time.monotonic() - start, iqm_conn_id=self.iqm_conn_id)
        return self.request


def defer_long_wait(task: BaseOperator, hook: IQMHook, *, iqm_conn_id: str, method_name: str) -> None:
    """
    Defer a task if its next request has to wait longer than :data:`MAX_SLOT_WAIT` for the rate limit.

    The request gets its place in the account's queue now. The task resumes shortly before its turn, with the place.

    :param task: The task.
    :param hook: The task's hook.
    :param iqm_conn_id: The connection to IQM.
    :param method_name: The method in which the task resumes; it calls :func:`resume_turn`.
    """
    place = hook._reserve_turn(longer_than=MAX_SLOT_WAIT, seconds=HOLD)
    if place is None:
        return
    trigger = RequestTurnTrigger(iqm_conn_id, place.request, time.time() + MAX_DEFERRAL)
    task.log.info("Deferring; the rate limit allows the next request in about %.0f s", place.wait)
    task.defer(trigger=trigger, method_name=method_name, timeout=timedelta(seconds=MAX_DEFERRAL) + TIMEOUT_MARGIN)


def resume_turn(hook: IQMHook, event: Any) -> None:
    """
    Use the place in the queue for the hook's next request.

    :param hook: The task's hook.
    :param event: The event of :class:`RequestTurnTrigger`.
    :raises IQMFinalError: The event isn't recognized.
    """
    match event:
        case {"request": str() as request}:
            hook._use_turn(request)
        case _:
            with final_errors_fail_the_task():
                raise IQMFinalError(
                    "Unrecognized trigger event; nothing was uploaded. Install the same release of "
                    "airflow-provider-iqm in the triggerer and on the workers, then clear the task."
                )
