"""Waits in Airflow's triggerer until IQM has matched and approved audiences."""

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

MAX_NAMED = 10
"""How many audiences the message of a time-out names."""


MAX_POKE_INTERVAL = 600.0
"""How many seconds between two polls become of a ``poke_interval`` at most: matching a list takes minutes to hours."""

BACKOFF = 1.5
"""By how much each time between two polls is longer than the one before."""


class WaitOutcome(StrEnum):
    """How a wait has ended: the ``kind`` of the trigger's event."""

    READY = "ready"
    FAILED = "failed"
    TIMEOUT = "timeout"
    ERROR = "error"


class AudienceReadyTrigger(BaseTrigger):
    """
    Wait until audiences are ready, and fire one event that says how the wait has ended.

    The event is a dict: ``kind`` (see :class:`WaitOutcome`), and ``audiences`` (what IQM says of them) if they are
    ready, or a ``message``. Server errors and lost connections only cost a poll.

    :param audience_ids: The audiences' ids.
    :param iqm_conn_id: The connection to IQM.
    :param poke_interval: Seconds between the first two polls; then it grows by half each time.
    :param deadline: The moment at which the wait ends, in seconds since 1970, so that a trigger that starts anew in
        another triggerer does not wait longer. None waits forever.
    :param max_poke_interval: The seconds between two polls to which it grows.
    :param pool_slots: How many slots of the connection's ``rate_limit_pool`` the task holds, if it does: in a pool that
        includes deferred tasks, the trigger keeps their pace.
    :param state: What the task has to know to go on; the event hands it back.
    """

    def __init__(
        self,
        audience_ids: list[int],
        iqm_conn_id: str,
        poke_interval: float,
        deadline: float | None = None,
        max_poke_interval: float = MAX_POKE_INTERVAL,
        pool_slots: int = 0,
        state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.state = state
        self.audience_ids = audience_ids
        self.iqm_conn_id = iqm_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.max_poke_interval = max_poke_interval
        self.pool_slots = pool_slots

    def describe_polling(self) -> str:
        """Describe when the trigger polls, for the log."""
        polls = f"polling after {self.poke_interval:g} s"
        if self.max_poke_interval > self.poke_interval:
            polls += f", then at growing intervals of up to {self.max_poke_interval:g} s"
        if self.deadline is None:
            return polls
        return f"{polls}, until {datetime.fromtimestamp(self.deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made of anew in a triggerer."""
        arguments = {
            "audience_ids": self.audience_ids,
            "iqm_conn_id": self.iqm_conn_id,
            "poke_interval": self.poke_interval,
            "deadline": self.deadline,
            "max_poke_interval": self.max_poke_interval,
            "pool_slots": self.pool_slots,
            **({"state": self.state} if self.state else {}),
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the one event."""
        yield TriggerEvent(await self._wait() | ({"state": self.state} if self.state else {}))

    async def _wait(self) -> dict[str, Any]:
        hook = get_shared_hook(self.iqm_conn_id)
        watch = AudienceWatch(self.audience_ids)
        interval = self.poke_interval
        try:
            async with hook._holding_slots(self.pool_slots):
                while True:
                    # Inside, its requests share HTTP connections; none is kept open between two polls.
                    async with hook:
                        await hook._poll(watch, self.log)
                    if not watch.pending:
                        return {"kind": WaitOutcome.READY.value, "audiences": watch.ready}
                    left = float("inf") if self.deadline is None else self.deadline - time.time()
                    if left <= 0:
                        return {"kind": WaitOutcome.TIMEOUT.value, "message": timeout_message(watch.pending)}
                    # The last poll falls on the deadline.
                    await asyncio.sleep(min(interval, left))
                    interval = max(interval, min(interval * BACKOFF, self.max_poke_interval))
        except AudienceFailedError as error:
            return {"kind": WaitOutcome.FAILED.value, "message": str(error)}
        except IQMFinalError as error:
            return {"kind": WaitOutcome.ERROR.value, "message": f"{type(error).__name__}: {error}"}


_hooks: dict[str, tuple[asyncio.AbstractEventLoop, IQMAsyncHook]] = {}


def get_shared_hook(iqm_conn_id: str) -> IQMAsyncHook:
    """
    Return the hook that all triggers of this process share for a connection.

    A log-in is one of the twenty requests that the account has in a minute: a triggerer that starts with a hundred
    waiting sensors must log in once. Hooks are kept for good, and with them their tokens, because connections are few;
    a hook holds no socket between two polls. A triggerer has one event loop. Where there is another one, as in
    ``dag.test()``, which runs each trigger in a loop of its own, the hook of the last loop is of no use and is
    replaced.

    :param iqm_conn_id: The connection to IQM.
    """
    loop = asyncio.get_running_loop()
    known, hook = _hooks.get(iqm_conn_id, (None, None))
    if hook is None or known is not loop:
        hook = IQMAsyncHook(iqm_conn_id, paced=True)
        _hooks[iqm_conn_id] = loop, hook
    return hook


def timeout_message(pending: list[int]) -> str:
    """
    Return the message of a timeout.

    :param pending: The audiences that are not ready.
    """
    named = ", ".join(map(str, pending[:MAX_NAMED]))
    more = f" and {len(pending) - MAX_NAMED} more" if len(pending) > MAX_NAMED else ""
    return f"Timed out; not ready: {named}{more}."
