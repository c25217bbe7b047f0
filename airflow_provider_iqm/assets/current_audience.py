"""
The audiences that the runs of a task created to replace each other, stored for later tries and runs.

They are stored in the state of the audience's asset if the task has it (Airflow 3.3). Otherwise, they are stored in the
task's XComs for later runs, and in the task's own state for later tries: Airflow deletes a run's XComs when its task
starts again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.exceptions import IQMError
from airflow_provider_iqm.runtime.state_store import StateStore
from airflow_provider_iqm.shared_state.host_task_state import HostTaskState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_iqm.log import Log

CURRENT = "iqm_current"


@dataclass(frozen=True, kw_only=True)
class CurrentAudience:
    """
    The audiences that the runs of a task created to replace each other, without deleted ones.

    :param audience_ids: Their ids, newest first.
    :param placed: The last one that replaced its predecessors in campaigns; None if none did.
    :param records: The number of records of that one.
    :param order: The time of the run that created the newest one, in seconds since 1970.
    :param map_index: The map index of the task that created the newest one.
    :param account: The account of the audiences.
    """

    audience_ids: list[int]
    placed: int | None
    records: int | None
    order: float
    map_index: int
    account: str


class CurrentAudienceStore:
    """
    Stores a task's :class:`CurrentAudience`.

    :param task: The task.
    :param context: The task's context.
    :param asset_state: The state of the audience's asset, if the task has it.
    :param log: Logs storage failures.
    """

    def __init__(self, task: BaseOperator, context: Context, *, asset_state: StateStore | None, log: Log) -> None:
        ti: Any = context["ti"]
        self.map_index: int = ti.map_index if isinstance(ti.map_index, int) else -1
        self.label = _map_index_label(task, context) if self.map_index >= 0 else ""
        """The label of a mapped task's list, the same in all runs; empty without a ``map_index_template``."""
        # A map index can be another list in the next run. Tasks with the same asset don't share audiences to replace.
        parts = [ti.dag_id, ti.task_id, self.label or self.map_index]
        self.suffix = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
        if asset_state is not None:
            self._stores = [asset_state]
        elif task.do_xcom_push:
            own: Any = context.get("task_state_store")
            if own is None:
                own = HostTaskState(ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
            # If both have a value of the same run, the first counts.
            self._stores = [
                StateStore(own, name="the task's own state", log=log),
                StateStore(_AllRunsXComs(ti), name="the XComs of earlier runs", log=log),
            ]
        else:
            self._stores = []

    def read(self) -> CurrentAudience | None:
        """
        Return the value that the newest run stored; None if there is none.

        :raises IQMError: The value can't be read.
        """
        return max(self._values(), key=lambda each: each.order, default=None)

    def save(self, current: CurrentAudience) -> None:
        """
        Store the audiences that this run and earlier ones created to replace each other.

        :param current: The audiences.
        :raises IQMError: The value can't be stored.
        """
        for store in self._stores:
            if not store.write(self._key, asdict(current)):
                raise IQMError(
                    f"Could not store in Airflow that the task created audience {current.audience_ids[0]}, so a later "
                    "run wouldn't replace it; the log has the reason. A retry continues with the same audience."
                )

    @property
    def _key(self) -> str:
        return f"{CURRENT}_{self.suffix}"

    def _values(self) -> Iterator[CurrentAudience]:
        for store in self._stores:
            found = store.read(self._key, required=True)
            for value in found if isinstance(found, list) else [found]:
                match value:
                    case {
                        "audience_ids": [*ids],
                        "placed": int() | None as placed,
                        "records": int() | None as records,
                        "order": int() | float() as order,
                        "map_index": int(map_index),
                        "account": str(account),
                    } if all(isinstance(each, int) for each in ids):
                        yield CurrentAudience(
                            audience_ids=ids,
                            placed=placed,
                            records=records,
                            order=order,
                            map_index=map_index,
                            account=account,
                        )


class _AllRunsXComs:
    """
    The XComs of a task in this run and all earlier ones, with any map index.

    A single XCom isn't enough: Airflow sorts runs with and without a logical date separately, so the first isn't always
    the newest.
    """

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    def get(self, key: str) -> list[Any]:
        found = self._ti.xcom_pull(task_ids=[self._ti.task_id], key=key, include_prior_dates=True)
        return [] if found is None else list(found)

    def set(self, key: str, value: Any) -> None:
        self._ti.xcom_push(key=key, value=value)


def _map_index_label(task: BaseOperator, context: Context) -> str:
    template = getattr(task, "map_index_template", None)
    return str(task.render_template(template, context)).strip() if template else ""
