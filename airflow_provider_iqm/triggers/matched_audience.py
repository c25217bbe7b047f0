"""Waits in Airflow's triggerer until IQM has matched and approved audiences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_iqm.api.watch import AudienceWatch
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMError, IQMFinalError
from airflow_provider_iqm.hooks.asynchronous import IQMAsyncHook

MAX_NAMED = 10
"""How many audiences the message of a time-out names."""


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
    :param poke_interval: Seconds between two polls.
    :param deadline: The moment at which the wait ends, in seconds since 1970, so that a trigger that starts anew in
        another triggerer does not wait longer. None waits forever.
    """

    def __init__(
        self, audience_ids: list[int], iqm_conn_id: str, poke_interval: float, deadline: float | None = None
    ) -> None:
        super().__init__()
        self.audience_ids = audience_ids
        self.iqm_conn_id = iqm_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made of anew in a triggerer."""
        arguments = {
            "audience_ids": self.audience_ids,
            "iqm_conn_id": self.iqm_conn_id,
            "poke_interval": self.poke_interval,
            "deadline": self.deadline,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the one event."""
        yield TriggerEvent(await self._wait())

    async def _wait(self) -> dict[str, Any]:
        hook = shared_hook(self.iqm_conn_id)
        watch = AudienceWatch(self.audience_ids, self.log)
        try:
            while True:
                await self._poll(hook, watch)
                if not watch.pending:
                    return {"kind": WaitOutcome.READY.value, "audiences": watch.ready}
                left = float("inf") if self.deadline is None else self.deadline - time.time()
                if left <= 0:
                    return {"kind": WaitOutcome.TIMEOUT.value, "message": _too_late(watch.pending)}
                # The last poll falls on the deadline.
                await asyncio.sleep(min(self.poke_interval, left))
        except AudienceFailedError as error:
            return {"kind": WaitOutcome.FAILED.value, "message": str(error)}
        except IQMFinalError as error:
            return {"kind": WaitOutcome.ERROR.value, "message": f"{type(error).__name__}: {error}"}

    async def _poll(self, hook: IQMAsyncHook, watch: AudienceWatch) -> None:
        """Ask once for each audience that is not ready yet."""
        async with hook:
            for audience_id in watch.pending:
                try:
                    audience = await hook.get_matched_audience(audience_id)
                except IQMFinalError:
                    raise
                except IQMError as error:
                    self.log.warning("%s Asking again in %g s.", error, self.poke_interval)
                    return
                watch.observe(audience)


_hooks: dict[str, tuple[asyncio.AbstractEventLoop, IQMAsyncHook]] = {}


def shared_hook(iqm_conn_id: str) -> IQMAsyncHook:
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
        hook = IQMAsyncHook(iqm_conn_id)
        _hooks[iqm_conn_id] = loop, hook
    return hook


def _too_late(pending: list[int]) -> str:
    named = ", ".join(map(str, pending[:MAX_NAMED]))
    more = f" and {len(pending) - MAX_NAMED} more" if len(pending) > MAX_NAMED else ""
    return f"The time-out is over, and IQM has not made ready yet: {named}{more}."
