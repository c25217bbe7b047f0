"""The audience that an earlier try of a task has created, as Airflow 3.3 remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

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
        self._store: Any = context.get("task_state_store")
        self._token = token
        self._log = log

    def read(self) -> int | None:
        """Return the audience's id; ``None`` where none is known of this upload."""
        if self._store is None:
            return None
        try:
            known = self._store.get(KEY)
        except (AirflowException, RuntimeError) as error:
            self._log.warning("The task's state store can't be read: %s", error)
            return None
        match known:
            case {"token": self._token, "audience_id": int(audience_id)}:
                return audience_id
        return None

    def write(self, audience_id: int) -> None:
        """
        Keep the audience's id for later tries.

        :param audience_id: The audience's id.
        """
        if self._store is None:
            return
        try:
            self._store.set(KEY, {"token": self._token, "audience_id": audience_id})
        except (AirflowException, RuntimeError) as error:
            self._log.warning("The task's state store can't keep audience %s: %s", audience_id, error)
