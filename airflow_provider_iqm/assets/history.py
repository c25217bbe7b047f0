"""
The last upload and the last match rates of an audience, stored for later runs.

On Airflow 3.3, they are stored in the state of the audience's asset if it is among the task's outlets or inlets; all
tasks with the asset share them. Otherwise, they are stored in the task's own XComs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_iqm.api.audience import ReadyAudience
from airflow_provider_iqm.assets.current_audience import CurrentAudienceStore
from airflow_provider_iqm.assets.outlets import audience_assets
from airflow_provider_iqm.exceptions import AudienceOptionError
from airflow_provider_iqm.runtime.state_store import StateStore
from airflow_provider_iqm.vocabulary import AudienceStatus

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_iqm.log import Log

UPLOADED, READY = "iqm_last_upload", "iqm_last_ready"


@dataclass(frozen=True, kw_only=True)
class LastUpload:
    """
    The last upload of a list.

    :param fingerprint: The fingerprint of the upload without its names; None if the task doesn't compare lists.
    :param audience_id: The audience's id.
    :param audience_name: The audience's name.
    :param run_id: The run that uploaded the list, or that was the first to find the audience ready.
    :param audience: The details of the ready audience; None until it is ready.
    """

    fingerprint: str | None
    audience_id: int
    audience_name: str
    run_id: str
    audience: ReadyAudience | None = None


class AudienceHistory:
    """
    The earlier uploads and match rates of a task's audience.

    :param task: The task.
    :param context: The task's context.
    :param log: Logs storage failures.
    """

    def __init__(self, task: BaseOperator, context: Context, *, log: Log) -> None:
        ti = context["ti"]
        assets = audience_assets([*task.outlets, *task.inlets])
        states: Any = context.get("asset_state_store")
        self.shared = bool(assets and states)
        """Whether other tasks share the history."""
        if self.shared:
            # Mapped task instances share the asset.
            self._suffix = f"_{ti.map_index}" if ti.map_index is not None and ti.map_index >= 0 else ""
            self._store = StateStore(states[assets[0]], name=f"the state of {assets[0].uri}", log=log)
        else:
            self._suffix = ""
            xcoms = _XComStore(ti) if task.do_xcom_push else None
            self._store = StateStore(xcoms, name="the XComs of earlier runs", log=log)
        self._task, self._context, self._log = task, context, log

    @cached_property
    def current(self) -> CurrentAudienceStore:
        """The audiences that the task's runs created to replace each other."""
        state = self._store if self.shared else None
        return CurrentAudienceStore(self._task, self._context, asset_state=state, log=self._log)

    @property
    def _upload_key(self) -> str:
        # A task never replaces or deletes an audience of another task that shares the asset.
        if any(getattr(self._task, name, None) is not None for name in ("replaces", "campaign_ids")):
            return f"{UPLOADED}_{self.current.suffix}"
        return UPLOADED + self._suffix

    def check_enabled(self, argument: str) -> None:
        """
        Check that the task has a store for its history.

        :param argument: The task's argument that needs the history.
        :raises AudienceOptionError: The task has no store.
        """
        if not self._store:
            raise AudienceOptionError(
                f"{argument} compares with earlier runs, but this task doesn't store its history. Set "
                "do_xcom_push=True or, on Airflow 3.3, add the audience's asset to the task's outlets."
            )

    def last_upload(self) -> LastUpload | None:
        """Return the last upload; None if there is none."""
        match self._store.read(self._upload_key):
            case {
                "fingerprint": str(fingerprint),
                "audience_id": int(audience_id),
                "audience_name": str(audience_name),
                "run_id": str(run_id),
                "audience": audience,
            }:
                ready = [item for item in _ready([audience, *self.last_ready()]) if item["id"] == audience_id]
                return LastUpload(
                    fingerprint=fingerprint,
                    audience_id=audience_id,
                    audience_name=audience_name,
                    run_id=run_id,
                    audience=ready[0] if ready else None,
                )
        return None

    def fingerprint_of(self, audience_id: int) -> str | None:
        """
        Return the fingerprint of the last upload if it created this audience; otherwise None.

        :param audience_id: The audience's id.
        """
        last = self.last_upload()
        return last.fingerprint if last and last.audience_id == audience_id else None

    def save_upload(self, upload: LastUpload) -> None:
        """
        Store an upload for later runs.

        :param upload: The upload.
        """
        self._store.write(self._upload_key, asdict(upload))

    def last_ready(self) -> list[ReadyAudience]:
        """Return the audiences that last became ready and passed the match rate limits."""
        found = self._store.read(READY + self._suffix)
        return _ready(found) if isinstance(found, list) else []

    def save_ready(self, audiences: Sequence[ReadyAudience]) -> None:
        """
        Store ready audiences for later runs.

        :param audiences: The audiences.
        """
        self._store.write(READY + self._suffix, [dict(audience) for audience in audiences])


class _XComStore:
    """The newest XComs of a task: those of this run, or those of the previous run with any."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    def get(self, key: str) -> Any:
        ti = self._ti
        return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index, include_prior_dates=True)

    def set(self, key: str, value: Any) -> None:
        self._ti.xcom_push(key=key, value=value)


def _ready(found: Sequence[Any]) -> list[ReadyAudience]:
    """Return the valid ready audiences; another release may have stored values of a different form."""
    ready: list[ReadyAudience] = []
    for item in found:
        match item:
            case {
                "id": int(),
                "name": str(),
                "status": AudienceStatus.READY,
                "match_rate": int() | float() | None,
                "uniques": _,
                "records": _,
                "data_cost": _,
            }:
                ready.append(cast("ReadyAudience", item))
    return ready
