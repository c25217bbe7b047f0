"""Searches IQM in the triggerer for an upload whose answer was lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.upload_search import OwnUploadSearch
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError
from airflow_provider_iqm.hooks.upload_recovery import pauses
from airflow_provider_iqm.triggers.matched_audience import get_shared_hook


class SearchOutcome(StrEnum):
    """The outcome of a search: the ``kind`` of the trigger's event."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    FAILED = "search_failed"
    ERROR = "error"


class UploadSearchTrigger(BaseTrigger):
    """
    Search for the audiences of an upload until one is found or the search times out, and fire one event.

    The event is a dict: ``kind`` (see :class:`SearchOutcome`), ``state`` (unchanged), and ``audiences`` if any were
    found, or ``message``. After a server error or a lost connection, the trigger searches again.

    :param audience_name: The audience's name.
    :param token: The upload's token.
    :param earliest: The time of the first attempt to send the upload, in seconds since 1970; None if unknown.
    :param deadline: The end of the search, in seconds since 1970, so that a trigger that is restarted in another
        triggerer doesn't search longer.
    :param iqm_conn_id: The connection to IQM.
    :param pool_slots: The number of slots of the connection's ``rate_limit_pool`` that the task holds.
    :param state: The state that the task needs to resume, as JSON values.
    :param start_at: The time of the first search, in seconds since 1970; None if the task has searched already.
    """

    def __init__(
        self,
        audience_name: str,
        token: str,
        earliest: float | None,
        deadline: float,
        iqm_conn_id: str,
        pool_slots: int = 0,
        state: dict[str, Any] | None = None,
        start_at: float | None = None,
    ) -> None:
        super().__init__()
        self.audience_name = audience_name
        self.token = token
        self.earliest = earliest
        self.deadline = deadline
        self.iqm_conn_id = iqm_conn_id
        self.pool_slots = pool_slots
        self.state = state or {}
        self.start_at = start_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's class path and arguments."""
        arguments = {
            "audience_name": self.audience_name,
            "token": self.token,
            "earliest": self.earliest,
            "deadline": self.deadline,
            "iqm_conn_id": self.iqm_conn_id,
            "pool_slots": self.pool_slots,
            "state": self.state,
            "start_at": self.start_at,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Search, and yield one event."""
        yield TriggerEvent({"state": self.state} | await self._search())

    async def _search(self) -> dict[str, Any]:
        hook = get_shared_hook(self.iqm_conn_id)
        search = OwnUploadSearch(self.audience_name, self.token, self.earliest)
        outcome: dict[str, Any] = {}
        try:
            async with hook._holding_slots(self.pool_slots):
                for pause in self._pauses():
                    await asyncio.sleep(pause)
                    try:
                        found: list[MatchedAudience] = await hook._find_own_uploads(search)
                    except IQMFinalError:
                        raise
                    except IQMError as error:
                        self.log.warning("%s", error)
                        outcome = {"kind": SearchOutcome.FAILED.value, "message": str(error)}
                        continue
                    if found:
                        return {"kind": SearchOutcome.FOUND.value, "audiences": found}
                    outcome = {"kind": SearchOutcome.NOT_FOUND.value}
        except IQMFinalError as error:
            return {"kind": SearchOutcome.ERROR.value, "message": f"{type(error).__name__}: {error}"}
        return outcome

    def _pauses(self) -> list[float]:
        now = time.time()
        if self.start_at is None:
            # The task has just searched; a trigger that starts after the deadline still searches once.
            return list(pauses(self.deadline - now)) or [0.0]
        start = max(now, self.start_at)
        return [start - now, *pauses(self.deadline - start)]
