"""Waits in the triggerer until IQM has matched and approved audiences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMFinalError
from airflow_provider_iqm.hooks.iqm_async import IQMAsyncHook
from airflow_provider_iqm.vocabulary import AudienceStatus

MAX_NAMED = 10
"""The maximum number of audiences that the timeout message names."""

MAX_POKE_INTERVAL = 600.0
"""The maximum seconds between two polls: matching a list takes minutes to hours."""

BACKOFF = 1.5
"""The factor by which the time between two polls grows."""


class WaitOutcome(StrEnum):
    """The outcome of a wait: the ``kind`` of the trigger's event."""

    READY = "ready"
    FAILED = "failed"
    TIMEOUT = "timeout"
    ERROR = "error"


class AudienceReadyTrigger(BaseTrigger):
    """
    Wait until audiences are ready, and fire one event with the outcome.

    The event is a dict: ``kind`` (see :class:`WaitOutcome`), and ``audiences`` (IQM's details) if they are ready,
    otherwise ``message``. ``campaigns`` are the campaigns that use the ready audiences, if they were read. After a
    server error or a lost connection, the trigger polls again.

    :param audience_ids: The audiences' ids.
    :param iqm_conn_id: The connection to IQM.
    :param poke_interval: Seconds between the first two polls; it grows by half after each poll.
    :param deadline: The end of the wait, in seconds since 1970, so that a trigger that is restarted in another
        triggerer doesn't wait longer. None waits forever.
    :param max_poke_interval: The maximum seconds between two polls.
    :param pool_slots: The number of slots of the connection's ``rate_limit_pool`` that the task holds. If the pool
        includes deferred tasks, the trigger limits its rate to these slots.
    :param with_campaigns: Whether to read which campaigns use the ready audiences (v3 only), with one more request.
    """

    def __init__(
        self,
        audience_ids: list[int],
        iqm_conn_id: str,
        poke_interval: float,
        deadline: float | None = None,
        max_poke_interval: float = MAX_POKE_INTERVAL,
        pool_slots: int = 0,
        *,
        with_campaigns: bool = False,
    ) -> None:
        super().__init__()
        self.with_campaigns = with_campaigns
        self.audience_ids = audience_ids
        self.iqm_conn_id = iqm_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.max_poke_interval = max_poke_interval
        self.pool_slots = pool_slots

    def describe_polling(self) -> str:
        """Return when the trigger polls, for the log."""
        polls = f"polling every {self.poke_interval:g} s"
        if self.max_poke_interval > self.poke_interval:
            polls += f", backing off to {self.max_poke_interval:g} s"
        if self.deadline is None:
            return polls
        return f"{polls}, until {datetime.fromtimestamp(self.deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's class path and arguments."""
        arguments = {
            "audience_ids": self.audience_ids,
            "iqm_conn_id": self.iqm_conn_id,
            "poke_interval": self.poke_interval,
            "deadline": self.deadline,
            "max_poke_interval": self.max_poke_interval,
            "pool_slots": self.pool_slots,
            **({"with_campaigns": True} if self.with_campaigns else {}),
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        yield TriggerEvent(await self._wait())

    async def _wait(self) -> dict[str, Any]:
        hook = get_shared_hook(self.iqm_conn_id)
        # The task logged their statuses when it deferred.
        watch = AudienceWatch(
            self.audience_ids, known_status=AudienceStatus.PROCESSING, with_campaigns=self.with_campaigns
        )
        interval = self.poke_interval
        try:
            async with hook._holding_slots(self.pool_slots):
                while True:
                    # One HTTP session per poll, closed in between.
                    async with hook:
                        await hook._poll(watch, self.log)
                    if not watch.pending:
                        campaigns = {"campaigns": watch.campaigns} if watch.campaigns else {}
                        return {"kind": WaitOutcome.READY.value, "audiences": watch.ready, **campaigns}
                    remaining = float("inf") if self.deadline is None else self.deadline - time.time()
                    if remaining <= 0:
                        return {"kind": WaitOutcome.TIMEOUT.value, "message": timeout_message(watch.pending)}
                    # The last poll is at the deadline.
                    await asyncio.sleep(min(interval, remaining))
                    interval = max(interval, min(interval * BACKOFF, self.max_poke_interval))
        except AudienceFailedError as error:
            return {"kind": WaitOutcome.FAILED.value, "message": str(error)}
        except IQMFinalError as error:
            return {"kind": WaitOutcome.ERROR.value, "message": f"{type(error).__name__}: {error}"}


_hooks: dict[str, tuple[asyncio.AbstractEventLoop, IQMAsyncHook]] = {}


def get_shared_hook(iqm_conn_id: str) -> IQMAsyncHook:
    """
    Return the hook that all triggers of this process share for a connection.

    A login is one of the 20 requests per minute of the account, so a triggerer with a hundred waiting sensors must
    log in only once. Hooks and their tokens are never evicted, since there are few connections; a hook holds no open
    socket between polls. A hook is bound to its event loop: ``dag.test()`` runs each trigger in a new loop, which
    needs a new hook.

    :param iqm_conn_id: The connection to IQM.
    """
    loop = asyncio.get_running_loop()
    hook_loop, hook = _hooks.get(iqm_conn_id, (None, None))
    if hook is None or hook_loop is not loop:
        hook = IQMAsyncHook(iqm_conn_id, rate_limited=True)
        _hooks[iqm_conn_id] = loop, hook
    return hook


def timeout_message(pending: list[int]) -> str:
    """
    Return the message of a timeout.

    :param pending: The ids of the audiences that aren't ready.
    """
    named = ", ".join(map(str, pending[:MAX_NAMED]))
    more = f" and {len(pending) - MAX_NAMED} more" if len(pending) > MAX_NAMED else ""
    noun = "audience" if len(pending) == 1 else "audiences"
    return f"Timed out; not ready: {noun} {named}{more}. Clear the task to keep waiting, or raise its timeout."
