"""Waits until IQM has matched and approved audiences."""

from __future__ import annotations

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
from airflow_provider_iqm.api.polling.match_rate import OnLowMatchRate
from airflow_provider_iqm.api.polling.poll import MAX_DETAILS
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.assets.history import AudienceHistory
from airflow_provider_iqm.assets.outlets import audience_assets, audience_event
from airflow_provider_iqm.exceptions import AudienceFailedError, LowMatchRateError
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink
from airflow_provider_iqm.operators.audience_report import report_audiences
from airflow_provider_iqm.operators.base import IQMBaseOperator
from airflow_provider_iqm.operators.ids import parse_ids
from airflow_provider_iqm.operators.match_rate import check_match_rates, match_rate_gate
from airflow_provider_iqm.operators.xcom import push_xcom
from airflow_provider_iqm.runtime.best_effort import best_effort
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_match_rate
from airflow_provider_iqm.triggers.deferral import defer_until_ready, parse_ready_event
from airflow_provider_iqm.triggers.matched_audience import MAX_POKE_INTERVAL, AudienceReadyTrigger
from airflow_provider_iqm.triggers.request_turn import MAX_SLOT_WAIT
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.campaigns import CampaignIds


class AudienceReadySensor(IQMBaseOperator, BaseSensorOperator):
    """
    Wait until IQM has matched and approved one or more audiences, and return their details.

    ``Ready`` (``approved`` in IQM's list) ends the wait. ``Failed``, ``Rejected`` and ``Deleted`` fail the task
    immediately and without a retry, even with ``soft_fail``, which only applies to timeouts. After a server error, a
    lost connection or an undocumented status, the sensor polls again.

    Several audiences are polled with one request for IQM's list, which has no match rates and records. For up to 10
    audiences, these are requested once the audiences are ready; for more, they are None.

    On v3 of IQM's API, the campaigns that use the ready audiences are pushed to XCom under ``campaigns``: the ids that
    are ``included`` and ``excluded``. That takes one more request, which ``do_xcom_push=False`` saves.

    One id returns a dict, and a list of ids returns a list of dicts, even if it has only one id. Text is parsed:
    ``15332`` is one id, ``[15332]`` is a list, so a template works with and without ``render_template_as_native_obj``.

    :param audience_id: One id (an ``int``, or digits) or several (a list, the output of a mapped upload, or a list as
        text). (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param deferrable: Whether to wait in the triggerer instead of a worker slot; default: Airflow's setting
        ``default_deferrable`` in ``[operators]``. Then the time between two polls grows from ``poke_interval`` to
        ``max_wait``, and ``mode`` and ``exponential_backoff`` have no effect.
    :param poke_interval: Seconds between two polls, or a ``timedelta``.
    :param timeout: Seconds, or a ``timedelta``, after which the task fails; default: Airflow's setting
        ``default_timeout`` in ``[sensors]``, 7 days.
    :param min_match_rate: The minimum match rate of each audience, in percent.
    :param max_match_rate_drop: The maximum drop of an audience's match rate, in percentage points, compared with
        the previous audience: the last one that passed in this task, or on Airflow 3.3 in any task with the same
        outlet.
    :param on_low_match_rate: What to do if a match rate is too low: ``fail``, even with ``soft_fail``, or only
        ``warn``. (templated)
    :param mode: ``poke`` keeps the worker slot between two polls, ``reschedule`` releases it.
    :param soft_fail: Whether a timeout skips the task instead of failing it.
    :param exponential_backoff: Whether the time between two polls grows, up to ``max_wait``.
    :param max_wait: The maximum seconds between two polls, or a ``timedelta``; 10 minutes in the triggerer by default.
    :param silent_fail: Whether a poll that raises an unexpected error is logged and repeated.
    :param never_fail: Whether an unexpected error, or a timeout, skips the task instead of failing it.
    """

    template_fields: Sequence[str] = ("audience_id", "iqm_conn_id", "on_low_match_rate")
    ui_color = "#e3f3e1"
    operator_extra_links = (IQMAudienceLink(),)

    def __init__(
        self,
        *,
        audience_id: int | str | Iterable[int | str],
        iqm_conn_id: str = IQMHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 60.0,
        timeout: timedelta | float | None = None,
        min_match_rate: float | None = None,
        max_match_rate_drop: float | None = None,
        on_low_match_rate: OnLowMatchRate = "fail",
        mode: str = "poke",
        soft_fail: bool = False,
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=poke_interval,
            # Airflow 2.11 doesn't take None.
            timeout=conf.getfloat("sensors", "default_timeout") if timeout is None else timeout,
            mode=mode,
            soft_fail=soft_fail,
            exponential_backoff=exponential_backoff,
            max_wait=max_wait,
            silent_fail=silent_fail,
            never_fail=never_fail,
            **kwargs,
        )
        self.audience_id = audience_id
        self.iqm_conn_id = iqm_conn_id
        self.deferrable = deferrable
        self.min_match_rate = min_match_rate
        self.max_match_rate_drop = max_match_rate_drop
        self.on_low_match_rate = on_low_match_rate

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM, with one login for all polls."""
        return IQMHook(self.iqm_conn_id)

    @cached_property
    def _parsed_id(self) -> int | list[int]:
        """The id, or the list of ids, to wait for."""
        with final_errors_fail_the_task():
            return parse_ids("audience_id", self.audience_id)

    @property
    def _ids(self) -> list[int]:
        return [self._parsed_id] if isinstance(self._parsed_id, int) else self._parsed_id

    @cached_property
    def _watch(self) -> AudienceWatch:
        """The audiences to poll."""
        watch = AudienceWatch(self._ids, with_campaigns=self._reports_campaigns)
        self.log.info("Waiting for %s to become Ready", watch.label)
        return watch

    @property
    def _reports_campaigns(self) -> bool:
        """Whether to report which campaigns use the audiences; the classic API can't tell."""
        return self.do_xcom_push and self.hook.settings.api_version != "classic"

    def execute(self, context: Context) -> Any:
        """Wait, and return the ready audience, or a list of them if ``audience_id`` is a list."""
        with final_errors_fail_the_task():
            self.check_rendered_arguments()
        IQMAudienceLink.push(self, context, self._ids)
        self._check_gate(context)
        with _no_soft_fail_for_audiences():
            super().execute(context)
            ready = self._check_match_rates(context, self._watch.ready)
            self._report(context, ready, self._watch.campaigns)
            return self._result(ready)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll the audiences that aren't ready yet; if deferrable, defer until they are."""
        deadline = time.time() + self.timeout
        watch = self._watch
        if not self._waits_long():
            self.hook._poll(watch, self.log)
        if watch.pending and self.deferrable:
            trigger = AudienceReadyTrigger(
                self._ids,
                self.iqm_conn_id,
                self.poke_interval,
                deadline,
                max_poke_interval=_seconds(self.max_wait),
                pool_slots=self.hook._pool_slots,
                with_campaigns=watch.with_campaigns,
            )
            defer_until_ready(self, trigger)
        return PokeReturnValue(is_done=not watch.pending, xcom_value=self._result(watch.ready))

    def _waits_long(self) -> bool:
        """Return whether the poll would have to wait long for the rate limit, and can wait without a worker slot."""
        if not self.deferrable and not self.reschedule:
            return False
        # The trigger, or the next poll, takes its own place in the queue.
        place = self.hook._reserve_turn(longer_than=MAX_SLOT_WAIT, seconds=1)
        if place:
            self.log.info("Not polling yet: the rate limit allows the next request in about %.0f s", place.wait)
        return place is not None

    def execute_complete(self, context: Context, event: Any = None) -> ReadyAudience | list[ReadyAudience] | None:
        """
        Resume after the trigger: return the ready audiences, or raise an error if they aren't ready.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
        """
        ready = self._check_match_rates(context, parse_ready_event(event, self._ids))
        self._report(context, ready, event.get("campaigns"))
        return self._result(ready)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; a failed audience fails the task even with ``soft_fail``."""
        with _no_soft_fail_for_audiences():
            return super().resume_execution(next_method, next_kwargs, context)

    def _check_gate(self, context: Context) -> None:
        with final_errors_fail_the_task():
            if match_rate_gate(self).max_match_rate_drop is not None:
                AudienceHistory(self, context, log=self.log).check_enabled("max_match_rate_drop")

    def _check_match_rates(self, context: Context, ready: list[ReadyAudience]) -> list[ReadyAudience]:
        """Check the match rates of ready audiences against the limits, and store them for later runs."""
        for audience in ready:
            report_match_rate(audience.get("match_rate"))
        gate = match_rate_gate(self)
        if not gate.has_limits and not self._has_audience_assets:
            return ready
        history = AudienceHistory(self, context, log=self.log)
        if gate.has_limits:
            ready = self._with_match_rates(ready)
            with final_errors_fail_the_task():
                check_match_rates(gate, ready, history.last_ready(), self.log)
        if gate.has_limits or history.shared:
            history.save_ready(ready)
        return ready

    def _report(self, context: Context, ready: list[ReadyAudience], campaigns: CampaignIds | None) -> None:
        """Report ready audiences and their campaigns in asset events and XCom."""
        if campaigns is not None:
            push_xcom(self, context, "campaigns", campaigns)
        with best_effort(self.log, "report the audiences in asset events and XCom"):
            fingerprint = self._fingerprint(context, ready)
            events = [audience_event(audience, fingerprint=fingerprint) for audience in ready]
            if campaigns is not None and len(events) == 1:
                events[0]["campaigns"] = campaigns
            report_audiences(self, context, events)

    def _fingerprint(self, context: Context, ready: list[ReadyAudience]) -> str | None:
        """Return the upload's fingerprint; without shared asset state, this task can't know it."""
        if len(ready) != 1 or not self._has_audience_assets:
            return None
        history = AudienceHistory(self, context, log=self.log)
        return history.fingerprint_of(ready[0]["id"]) if history.shared else None

    @property
    def _has_audience_assets(self) -> bool:
        return bool(audience_assets([*self.outlets, *self.inlets]))

    def _with_match_rates(self, ready: list[ReadyAudience]) -> list[ReadyAudience]:
        """Request the match rates that the list lacks, unless a poll has already requested them."""
        missing = {audience["id"] for audience in ready if audience["match_rate"] is None}
        if len(set(self._ids)) <= MAX_DETAILS or not missing:
            return ready
        self.log.info("Requesting the match rates of %s, one request each", count_of(len(missing), "audience"))
        details = {
            audience_id: ready_part(self.hook.get_matched_audience(audience_id)) for audience_id in sorted(missing)
        }
        return [details.get(audience["id"], audience) for audience in ready]

    def _result(self, ready: list[ReadyAudience]) -> ReadyAudience | list[ReadyAudience] | None:
        if isinstance(self._parsed_id, int):
            return ready[0] if ready else None
        return ready


@contextmanager
def _no_soft_fail_for_audiences() -> Iterator[None]:
    """Fail instead of skip if the skip was caused by a failed audience or a low match rate."""
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
