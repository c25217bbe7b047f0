"""Waits until IQM has matched and approved audiences."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_iqm.api.audience import ReadyAudience, ready_part
from airflow_provider_iqm.api.match_rate import MatchRateGate, OnLowMatchRate
from airflow_provider_iqm.api.poll import MAX_DETAILS
from airflow_provider_iqm.api.watch import AudienceWatch
from airflow_provider_iqm.assets.history import AudienceHistory
from airflow_provider_iqm.assets.outlets import audience_assets, event_of, tell_outlets
from airflow_provider_iqm.exceptions import AudienceFailedError, IQMFinalError, LowMatchRateError
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink
from airflow_provider_iqm.operators.rendered_arguments import RenderedArguments
from airflow_provider_iqm.triggers.deferral import defer_until_ready, ready_audiences
from airflow_provider_iqm.triggers.matched_audience import MAX_POKE_INTERVAL, AudienceReadyTrigger
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class AudienceReadySensor(RenderedArguments, BaseSensorOperator):
    """
    Wait until IQM has matched and approved one audience or several, and return what it says of them.

    ``Ready`` (the list calls it ``approved``) ends the wait. ``Failed``, ``Rejected`` and ``Deleted`` fail the task at
    once and without a retry, under ``soft_fail`` too: it forgives a wait that takes too long, not an audience that
    will never be. Server errors and lost connections only cost a poke; a status that is not documented waits on.

    Several audiences are asked for by one request, IQM's list. It doesn't tell the match rate and the records. For up
    to 10 audiences these are asked for once they are ready; of more they are None.

    :param audience_id: An id, or several: an ``int``, digits, a list, or the output of a mapped upload. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param min_match_rate: The match rate, in percent, that each audience must have.
    :param max_match_rate_drop: By how many percentage points an audience's match rate may be below that of the audience
        before it: the one that this task, or on Airflow 3.3 any task with the same outlet, has found good enough last.
    :param on_low_match_rate: Whether a match rate that is too low is to ``fail`` the task, also under ``soft_fail``, or
        only to ``warn``.
    :param deferrable: Whether to wait in the triggerer, which takes no worker slot; the default is that of Airflow's
        setting ``default_deferrable`` in ``[operators]``. Then the time between two polls grows from ``poke_interval``
        to ``max_wait`` (10 minutes by default), and ``mode`` and ``exponential_backoff`` count for nothing.
    """

    template_fields: Sequence[str] = ("audience_id", "iqm_conn_id")
    ui_color = "#e3f3e1"
    operator_extra_links = (IQMAudienceLink(),)

    def __init__(
        self,
        *,
        audience_id: int | str | Iterable[int | str],
        iqm_conn_id: str = IQMHook.default_conn_name,
        min_match_rate: float | None = None,
        max_match_rate_drop: float | None = None,
        on_low_match_rate: OnLowMatchRate = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.audience_id = audience_id
        self.iqm_conn_id = iqm_conn_id
        self.min_match_rate = min_match_rate
        self.max_match_rate_drop = max_match_rate_drop
        self.on_low_match_rate = on_low_match_rate
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
        watch = AudienceWatch(self.ids, self.log)
        self.log.info("Waiting for %s to become Ready", watch.label)
        return watch

    def execute(self, context: Context) -> Any:
        """Wait, and return the ready audience, or the list of them where several were asked for."""
        with final_errors_fail_the_task():
            self.check_rendered_arguments()
        IQMAudienceLink.push(self, context, self.ids)
        self._check_gate(context)
        with _failed_audiences_fail_softly_never():
            super().execute(context)
            return self._result(self._found_ready(context, self.watch.ready))

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask once for the audiences that are not ready yet, and leave the rest to the triggerer if deferrable."""
        deadline = time.time() + self.timeout
        watch = self.watch
        self.hook._poll(watch)
        if watch.pending and self.deferrable:
            trigger = AudienceReadyTrigger(
                self.ids,
                self.iqm_conn_id,
                self.poke_interval,
                deadline,
                max_poke_interval=_seconds(self.max_wait),
                pool_slots=self.hook._pool_slots,
            )
            defer_until_ready(self, trigger)
        return PokeReturnValue(is_done=not watch.pending, xcom_value=self._result(watch.ready))

    def execute_complete(self, context: Context, event: Any = None) -> ReadyAudience | list[ReadyAudience] | None:
        """
        Go on after the trigger: return the ready audience or audiences, or raise what kept them from it.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
        """
        return self._result(self._found_ready(context, ready_audiences(event, self.ids)))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral; a failed audience fails the task under ``soft_fail`` too."""
        with _failed_audiences_fail_softly_never():
            return super().resume_execution(next_method, next_kwargs, context)

    def _check_gate(self, context: Context) -> None:
        with final_errors_fail_the_task():
            if MatchRateGate.of(self).max_match_rate_drop is not None:
                AudienceHistory(self, context, log=self.log).require("max_match_rate_drop")

    def _found_ready(self, context: Context, ready: list[ReadyAudience]) -> list[ReadyAudience]:
        """Let ready audiences pass the gate, keep them for later runs, and tell the outlets."""
        gate = MatchRateGate.of(self)
        if not gate.asked and not audience_assets([*self.outlets, *self.inlets]):
            return ready
        history = AudienceHistory(self, context, log=self.log)
        if gate.asked:
            ready = self._with_match_rates(ready)
            with final_errors_fail_the_task():
                gate.check(ready, history.last_ready(), self.log)
        if gate.asked or history.shared:
            history.keep_ready(ready)
        # Only the tasks that share an asset's state know of each other's lists.
        fingerprint = history.fingerprint_of(ready[0]["id"]) if history.shared and len(ready) == 1 else None
        tell_outlets(self, context, [event_of(audience, fingerprint=fingerprint) for audience in ready])
        return ready

    def _with_match_rates(self, ready: list[ReadyAudience]) -> list[ReadyAudience]:
        """Ask for the match rates that the list doesn't tell, where a look has not asked for them already."""
        untold = {audience["id"] for audience in ready if audience["match_rate"] is None}
        if len(set(self.ids)) <= MAX_DETAILS or not untold:
            return ready
        self.log.info("Asking for the match rates of %s, one request each", count_of(len(untold), "audience"))
        told = {audience_id: ready_part(self.hook.get_matched_audience(audience_id)) for audience_id in sorted(untold)}
        return [told.get(audience["id"], audience) for audience in ready]

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


@contextmanager
def _failed_audiences_fail_softly_never() -> Iterator[None]:
    try:
        yield
    except AirflowSkipException as skip:
        if isinstance(skip.__cause__, AudienceFailedError | LowMatchRateError):
            raise skip.__cause__ from None
        raise


def _seconds(wait: timedelta | float | None) -> float:
    if wait is None:
        return MAX_POKE_INTERVAL
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
