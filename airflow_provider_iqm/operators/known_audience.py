"""The audience that an earlier try of a task has created, as Airflow 3.3 remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.hooks.state_store import StateStore

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.log import Log

KEY = "iqm_audience"


class KnownAudience:
    """
    The audience of an upload in the task's state store.

    It spares a later try the search for the audience. The store is not what "exactly once" rests on: Airflow before 3.3
    has none, a task can die before it has written, and a value outlives the clearing of a task whose data has
    changed. So the id is kept together with the upload's token, and a store that fails costs a search and no more.

    :param context: The task's context.
    :param token: The upload's token.
    :param log: Where failures are told.
    """

    def __init__(self, context: Context, token: str, *, log: Log) -> None:
        self._store = StateStore(context.get("task_state_store"), name="The task's state store", log=log)
        self._token = token

    def read(self) -> int | None:
        """Return the audience's id; ``None`` where none is known of this upload."""
        match self._store.read(KEY):
            case {"token": self._token, "audience_id": int(audience_id)}:
                return audience_id
        return None

    def write(self, audience_id: int) -> None:
        """
        Keep the audience's id for later tries.

        :param audience_id: The audience's id.
        """
        self._store.write(KEY, {"token": self._token, "audience_id": audience_id})
