"""The record of a task's upload attempts, which its later tries read."""

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


class AttemptStore(Protocol):
    """Stores upload attempts for later tries."""

    def write(self, attempts: UploadAttempts, *, required: bool) -> None:
        """Store the attempts; raise an error if they are required and can't be stored."""


@dataclass(kw_only=True)
class TaskAttempts(UploadAttempts):
    """
    The attempts of all tries of a task to send one upload.

    :param store: Stores the attempts for later tries.
    """

    store: AttemptStore = field(repr=False)
    stored: bool = True

    def save(self, *, required: bool = False) -> None:
        """Store the attempts for later tries."""
        self.store.write(self, required=required)


class UploadRecord:
    """
    The record of a task's tries and upload attempts.

    It is stored in the task's state store on Airflow 3.3, and in a file on the worker's host on earlier releases. Each
    try is recorded when it starts, and each upload before it is sent. So if all earlier tries are on record, a try
    knows whether one of them sent the upload. A try that isn't on record (because it ran on another host, or an older
    release of this package) may have. The record only saves searches: exactly-once uploads rely on the token in IQM's
    responses, which identifies the audiences of an upload.

    :param context: The task's context.
    :param log: Logs storage failures.
    """

    def __init__(self, context: Context, *, log: Log) -> None:
        ti: Any = context["ti"]
        store: Any = context.get("task_state_store")
        self._on_host = store is None
        if self._on_host:
            store = HostTaskState(ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
        self._store = StateStore(store, name="the upload record", log=log)
        self._try = int(ti.try_number)
        self._run_start = _run_start(context)
        self._record: dict[str, Any] = {}
        self._complete = True
        self._writable = False

    def start_try(self, *, resumed: bool = False) -> None:
        """
        Record the start of this try.

        :param resumed: Whether the try resumes after a deferral.
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
        Return the recorded attempts to send an upload.

        :param token: The upload's token; attempts with another token were for a different list.
        """
        match self._record:
            case {"token": str(known), "audience_id": int() | None, **more} if known == token:
                number = more.get("count", 1)
                attempts = TaskAttempts(
                    token=token,
                    store=self,
                    count=number if isinstance(number, int) else 1,
                    earliest=_timestamp(more.get("since")),
                    lost_at=_timestamp(more.get("lost_at")),
                    audience_id=self._record["audience_id"],
                )
            case _:
                attempts = TaskAttempts(token=token, store=self)
        # Tasks on other hosts don't see the file, so a search is needed, but no wait.
        attempts.by_search = self._on_host
        if not self._complete:
            attempts.count = max(1, attempts.count)
            attempts.earliest = self._run_start
            attempts.lost_at = None
        return attempts

    def write(self, attempts: UploadAttempts, *, required: bool) -> None:
        """
        Store attempts for later tries.

        :param attempts: The attempts.
        :param required: Whether the upload is about to be sent.
        :raises IQMError: The attempts are required and can't be stored.
        """
        self._record |= {
            "token": attempts.token,
            "audience_id": attempts.audience_id,
            "count": attempts.count,
            "since": attempts.earliest,
            "lost_at": attempts.lost_at,
        }
        stored = self._store.write(KEY, self._record)
        # If this try itself couldn't be recorded, later tries search in any case.
        if required and self._writable and not stored:
            raise IQMError(
                "Could not record in Airflow that the upload is about to be sent, so nothing was sent: without the "
                "record, a retry could upload the list twice. Retry."
            )


def _timestamp(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _run_start(context: Context) -> float | None:
    """Return a time before which this run can't have uploaded anything, in seconds since 1970."""
    run: Any = context.get("dag_run")
    date = getattr(run, "logical_date", None) or getattr(run, "run_after", None)
    # The date of a run can be in the future.
    return min(float(date.timestamp()), time.time()) if date is not None else None
