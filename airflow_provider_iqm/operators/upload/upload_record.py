"""What a later try of a task must know of the tries before it: whether they have sent the upload, and what it made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_iqm.exceptions import IQMError
from airflow_provider_iqm.hooks.upload_attempts import UploadAttempts
from airflow_provider_iqm.runtime.state_store import StateStore
from airflow_provider_iqm.shared_state.host_task_state import HostTaskState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.log import Log

KEY = "iqm_audience"


class Keeper(Protocol):
    """Keeps attempts for later tries."""

    def write(self, attempts: UploadAttempts, *, required: bool) -> None:
        """Keep them; raise where that is required and fails."""


@dataclass(kw_only=True)
class TaskAttempts(UploadAttempts):
    """
    The attempts of all tries of a task to send one upload.

    :param keeper: Where later tries find them.
    """

    keeper: Keeper = field(repr=False)
    kept: bool = True

    def keep(self, *, required: bool = False) -> None:
        """Keep what is known for later tries."""
        self.keeper.write(self, required=required)


class UploadRecord:
    """
    The record of a task's tries: in the task's state store on Airflow 3.3, before that in a file on the worker's host.

    Each try enters itself at its start, and enters the upload before the body goes out. So a try that finds all
    earlier ones on record knows whether any of them has sent anything. One that is not on record (it ran on another
    host, or under an older release) may have. The record is not what "exactly once" rests on: the token in IQM's own
    answer is what proves whose an audience is.

    :param context: The task's context.
    :param log: Where failures are logged.
    """

    def __init__(self, context: Context, *, log: Log) -> None:
        ti: Any = context["ti"]
        store: Any = context.get("task_state_store")
        self._on_host = store is None
        if self._on_host:
            store = HostTaskState(ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
        self._store = StateStore(store, name="the record of this task's tries", log=log)
        self._try = int(ti.try_number)
        self._run_since = _run_since(context)
        self._record: dict[str, Any] = {}
        self._complete = True
        self._writable = False

    def start_try(self, *, resumed: bool = False) -> None:
        """
        Enter this try.

        :param resumed: Whether it was begun before, and goes on after a deferral.
        """
        record = self._store.read(KEY) if self._try > 1 or resumed else None
        self._record = dict(record) if isinstance(record, Mapping) else {}
        tries = self._record.get("tries")
        tries = [number for number in tries if number != self._try] if isinstance(tries, list) else []
        self._complete = all(number in tries for number in range(1, self._try))
        self._record["tries"] = [*tries, self._try]
        self._writable = self._store.write(KEY, self._record)

    def attempts(self, token: str) -> TaskAttempts:
        """
        Return what is known of the attempts to send an upload.

        :param token: The upload's token; another one means that the list has changed.
        """
        match self._record:
            case {"token": str(known), "audience_id": int() | None, **more} if known == token:
                number = more.get("count", 1)
                attempts = TaskAttempts(
                    token=token,
                    keeper=self,
                    count=number if isinstance(number, int) else 1,
                    earliest=_moment(more.get("since")),
                    lost_at=_moment(more.get("lost_at")),
                    audience_id=self._record["audience_id"],
                )
            case _:
                attempts = TaskAttempts(token=token, keeper=self)
        # Nobody sees this file but the host's own tasks, so it spares the wait but not the search.
        attempts.by_search = self._on_host
        if not self._complete:
            attempts.count = max(1, attempts.count)
            attempts.earliest = self._run_since
            attempts.lost_at = None
        return attempts

    def write(self, attempts: UploadAttempts, *, required: bool) -> None:
        """
        Keep attempts for later tries.

        :param attempts: The attempts.
        :param required: Whether the upload is about to be sent.
        :raises IQMError: where that is required, and a later try wouldn't know of them.
        """
        self._record |= {
            "token": attempts.token,
            "audience_id": attempts.audience_id,
            "count": attempts.count,
            "since": attempts.earliest,
            "lost_at": attempts.lost_at,
        }
        kept = self._store.write(KEY, self._record)
        # For a try that isn't on record at all, a later one searches in any case.
        if required and self._writable and not kept:
            raise IQMError(
                "Airflow could not keep that the upload is about to be sent, so nothing was sent: a later try could "
                "not know that it has to search for it. The task's next try does it again."
            )


def _moment(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _run_since(context: Context) -> float | None:
    """Return a moment before which no try of this run can have uploaded anything, in seconds since 1970."""
    run: Any = context.get("dag_run")
    moment = getattr(run, "logical_date", None) or getattr(run, "run_after", None)
    # A run may be given a date in the future.
    return min(float(moment.timestamp()), time.time()) if moment is not None else None
