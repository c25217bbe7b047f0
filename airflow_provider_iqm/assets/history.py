"""
What earlier runs have left about an audience: which list it was made of, and how it was matched.

Airflow 3.3 keeps it as the state of the audience's asset, where the task has that among its outlets or inlets; all
tasks that name the asset share it. Otherwise it is in the task's own XComs of earlier runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_iqm.api.audience import ReadyAudience
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
    An audience, and what it was made of.

    :param fingerprint: The fingerprint of all that was sent, but for the names; ``None`` where nobody asks for it.
    :param audience_id: Its id.
    :param audience_name: Its name.
    :param run_id: The run that was the last to have news of it.
    :param audience: What IQM said of it when it was ready; ``None`` as long as that isn't known.
    """

    fingerprint: str | None
    audience_id: int
    audience_name: str
    run_id: str
    audience: ReadyAudience | None = None


class AudienceHistory:
    """
    The history of a task's audience.

    :param task: The task.
    :param context: Its context.
    :param log: Where a store that fails is told of.
    """

    def __init__(self, task: BaseOperator, context: Context, *, log: Log) -> None:
        ti = context["ti"]
        assets = audience_assets([*task.outlets, *task.inlets])
        states: Any = context.get("asset_state_store")
        self.shared = bool(assets and states)
        """Whether other tasks see it."""
        if self.shared:
            # The tasks that one task is mapped to have the asset in common.
            self._suffix = f"_{ti.map_index}" if ti.map_index is not None and ti.map_index >= 0 else ""
            self._store = StateStore(states[assets[0]], name=f"the state of {assets[0].uri}", log=log)
        else:
            self._suffix = ""
            runs = _EarlierRuns(ti) if task.do_xcom_push else None
            self._store = StateStore(runs, name="XCom of earlier runs", log=log)

    def check_enabled(self, argument: str) -> None:
        """
        See that anything is kept.

        :param argument: The task's argument that needs it.
        :raises AudienceOptionError: where nothing is.
        """
        if not self._store:
            raise AudienceOptionError(
                f"{argument} compares with earlier runs, and this task keeps nothing of them: set do_xcom_push=True, "
                "or on Airflow 3.3 name the audience's asset among the task's outlets."
            )

    def last_upload(self) -> LastUpload | None:
        """Return the last upload; ``None`` where none is known."""
        match self._store.read(UPLOADED + self._suffix):
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
        Return the fingerprint of the last upload, if that made this audience.

        :param audience_id: The audience's id.
        """
        last = self.last_upload()
        return last.fingerprint if last and last.audience_id == audience_id else None

    def save_upload(self, upload: LastUpload) -> None:
        """
        Keep an upload for later runs.

        :param upload: The upload.
        """
        self._store.write(UPLOADED + self._suffix, asdict(upload))

    def last_ready(self) -> list[ReadyAudience]:
        """Return the audiences that a task has found ready, and good enough, last."""
        found = self._store.read(READY + self._suffix)
        return _ready(found) if isinstance(found, list) else []

    def save_ready(self, audiences: Sequence[ReadyAudience]) -> None:
        """
        Keep audiences that are ready for later runs.

        :param audiences: The audiences.
        """
        self._store.write(READY + self._suffix, [dict(audience) for audience in audiences])


class _EarlierRuns:
    """A task's own XComs, the newest first: this run's, then those of the runs before."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    def get(self, key: str) -> Any:
        ti = self._ti
        return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index, include_prior_dates=True)

    def set(self, key: str, value: Any) -> None:
        self._ti.xcom_push(key=key, value=value)


def _ready(found: Sequence[Any]) -> list[ReadyAudience]:
    """Return what is an audience that is ready; what another release has written may be anything."""
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
