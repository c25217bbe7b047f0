"""Waits until IQM has matched and approved audiences."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_iqm.api.audience import ReadyAudience
from airflow_provider_iqm.api.watch import AudienceWatch
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMError, IQMFinalError
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger, WaitOutcome
from airflow_provider_iqm.vocabulary import AudienceStatus

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

GRACE = timedelta(minutes=5)
"""
How much later than the sensor's own ``timeout`` Airflow ends a deferred wait. The trigger ends it first and says what
is not ready; this is for a wait that no triggerer looks after.
"""


class AudienceReadySensor(BaseSensorOperator):
    """
    Wait until IQM has matched and approved one audience or several, and return what it says of them.

    ``Ready`` (the list calls it ``approved``) ends the wait. ``Failed``, ``Rejected`` and ``Deleted`` fail the task at
    once and without a retry, under ``soft_fail`` too: it forgives a wait that takes too long, not an audience that
    will never be. Server errors and lost connections only cost a poke; a status that is not documented waits on.

    :param audience_id: An id, or several: an ``int``, digits, a list, or the output of a mapped upload. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param deferrable: Whether to wait in the triggerer, which takes no worker slot; the default is that of Airflow's
        setting ``default_deferrable`` in ``[operators]``. ``mode`` and ``exponential_backoff`` count for nothing then.
    """

    template_fields: Sequence[str] = ("audience_id", "iqm_conn_id")
    ui_color = "#e3f3e1"

    def __init__(
        self,
        *,
        audience_id: int | str | Iterable[int | str],
        iqm_conn_id: str = IQMHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.audience_id = audience_id
        self.iqm_conn_id = iqm_conn_id
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM; it is kept from poke to poke, and with it the log-in."""
        return IQMHook(self.iqm_conn_id)

    @cached_property
    def ids(self) -> list[int]:
        """The ids to wait for."""
        with final_errors_fail_the_task():
            return audience_ids(self.audience_id)

    @cached_property
    def watch(self) -> AudienceWatch:
        """The account of which audiences are ready."""
        ids = self.ids
        self.log.info("Waiting for %s to become Ready", f"audience {ids[0]}" if len(ids) == 1 else f"audiences {ids}")
        return AudienceWatch(ids, self.log)

    def execute(self, context: Context) -> Any:
        """Wait, and return the ready audience, or the list of them where several were asked for."""
        with _failed_audiences_fail_softly_never():
            return super().execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask once for each audience that is not ready yet, and leave the rest to the triggerer if deferrable."""
        deadline = time.time() + self.timeout
        watch = self.watch
        for audience_id in watch.pending:
            try:
                audience = self.hook.get_matched_audience(audience_id)
            except IQMFinalError:
                raise
            except IQMError as error:
                self.log.warning("%s Asking again in %g s.", error, self.poke_interval)
                break
            with final_errors_fail_the_task():
                watch.observe(audience)
        if watch.pending and self.deferrable:
            self.defer(
                trigger=AudienceReadyTrigger(self.ids, self.iqm_conn_id, self.poke_interval, deadline),
                method_name="execute_complete",
                timeout=timedelta(seconds=self.timeout) + GRACE,
            )
        return PokeReturnValue(is_done=not watch.pending, xcom_value=self._result(watch.ready))

    def execute_complete(self, context: Context, event: Any = None) -> ReadyAudience | list[ReadyAudience] | None:
        """
        Go on after the trigger: return the ready audience or audiences, or raise what kept them from it.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
        """
        with final_errors_fail_the_task():
            match event:
                case {"kind": WaitOutcome.READY, "audiences": [*audiences]} if _are_ready(audiences, self.ids):
                    return self._result(audiences)
                case {"kind": WaitOutcome.FAILED, "message": str(message)}:
                    raise AudienceFailedError(message)
                case {"kind": WaitOutcome.ERROR, "message": str(message)}:
                    raise IQMFinalError(message)
                case {"kind": WaitOutcome.TIMEOUT, "message": str(message)}:
                    raise AirflowSensorTimeout(message)
        # No AirflowException, which soft_fail would take for a wait that was too long.
        raise IQMError(
            "The trigger's event is none that this release knows, so the audiences don't count as ready. Install the "
            "same release of airflow-provider-iqm in the triggerer and on the workers, then run the task again."
        )

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral; a failed audience fails the task under ``soft_fail`` too."""
        with _failed_audiences_fail_softly_never():
            return super().resume_execution(next_method, next_kwargs, context)

    def _result(self, ready: list[ReadyAudience]) -> ReadyAudience | list[ReadyAudience] | None:
        if isinstance(self.audience_id, int) or (isinstance(self.audience_id, str) and len(self.ids) == 1):
            return ready[0] if ready else None
        return ready


def audience_ids(value: object) -> list[int]:
    """
    Return the ids that a task was given.

    :param value: An ``int``, digits, or several of these: any iterable, or the text of a JSON list, which is what a
        template makes of a list.
    :raises IQMFinalError: where there is none, or something is no id.
    """
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise IQMFinalError("audience_id is no list of ids such as [15332, 15333].") from None
    if isinstance(value, int | str) or value is None:
        value = [value]
    if not isinstance(value, Iterable):
        raise IQMFinalError(f"audience_id is of the type {type(value).__name__}; give an id, or a list of ids.")
    ids = [_audience_id(item) for item in value]
    if not ids:
        raise IQMFinalError("audience_id is an empty list: there is no audience to wait for.")
    return ids


def _audience_id(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise IQMFinalError(
            f"audience_id holds {value!r}, which is no audience's id. Give the upload's output, a number above 0."
        )
    return value


def _are_ready(audiences: list[Any], ids: list[int]) -> bool:
    """Return whether an event's audiences are the ones asked for, and each of them ready."""
    told = [(item.get("id"), item.get("status")) for item in audiences if isinstance(item, Mapping)]
    return told == [(audience_id, AudienceStatus.READY) for audience_id in ids]


@contextmanager
def _failed_audiences_fail_softly_never() -> Iterator[None]:
    try:
        yield
    except AirflowSkipException as skip:
        if isinstance(skip.__cause__, AudienceFailedError):
            raise skip.__cause__ from None
        raise
