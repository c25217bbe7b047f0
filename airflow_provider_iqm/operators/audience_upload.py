"""What every operator that uploads an audience has in common: to upload it, and to wait until it is ready."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from airflow_provider_iqm.api.audience import AudienceOptions
from airflow_provider_iqm.api.match_rate import MatchRateGate, OnLowMatchRate
from airflow_provider_iqm.api.watch import AudienceWatch
from airflow_provider_iqm.assets.history import AudienceHistory, LastUpload
from airflow_provider_iqm.assets.outlets import AudienceEvent, event_of, silence_outlets, tell_outlets
from airflow_provider_iqm.exceptions import AudienceOptionError
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.lineage.openlineage import Made, UploadLineage
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink
from airflow_provider_iqm.operators.known_audience import KnownAudience
from airflow_provider_iqm.operators.preparation import PreparationOperator
from airflow_provider_iqm.operators.unchanged import (
    OnUnchanged,
    check_on_unchanged,
    unchanged_audience,
    upload_fingerprint,
)
from airflow_provider_iqm.triggers.deferral import defer_until_ready, ready_audiences
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger, too_late
from airflow_provider_iqm.vocabulary import AudienceStatus

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.audience import ReadyAudience
    from airflow_provider_iqm.audience.upload import AudienceUpload


class AudienceUploadOperator(PreparationOperator, UploadLineage):
    """
    Upload a list to IQM, and return the new audience's id.

    Besides the id, the task pushes ``audience_name``, ``records``, ``file_name`` and ``file_size`` (bytes) to XCom,
    ``report`` (counts) where the list was cleaned, and ``audience`` (what IQM says of it) where it waited for it.

    :param iqm_conn_id: The connection to IQM. (templated)
    :param resume: Whether a later try, or a cleared task, first looks whether IQM has the audience of an earlier try,
        and takes it. A token of the Dag, task, run, map index and content, in the name of the uploaded file, proves it.
    :param wait_for_ready: Whether to wait until IQM has matched and approved the audience, as
        :class:`~airflow_provider_iqm.sensors.matched_audience.AudienceReadySensor` does.
    :param deferrable: Whether to wait in the triggerer, which takes no worker slot; the default is that of Airflow's
        setting ``default_deferrable`` in ``[operators]``.
    :param poke_interval: Seconds between two looks at the audience; in the triggerer it grows to 10 minutes.
    :param audience_subtype: The audience's subtype in healthcare, such as ``hcp``, ``npi_nurse`` or ``patient``; for
        connections that speak v3. (templated)
    :param consent_given: Whether the patients have given their consent; for v3, which needs it for ``patient``.
    :param vertical_id: The vertical, for v3 accounts that have several.
    :param on_unchanged: Whether a list that is the last one's, as it would be sent, is to ``upload`` again, or to
        ``skip`` the upload: then the task returns the id of the audience that is there, and its outlets send no event.
    :param min_match_rate: The match rate, in percent, that the audience must have; only with ``wait_for_ready``.
    :param max_match_rate_drop: By how many percentage points its match rate may be below that of the audience before;
        only with ``wait_for_ready``.
    :param on_low_match_rate: Whether a match rate that is too low is to ``fail`` the task, or only to ``warn``.
    :param timeout: Seconds after which the wait is given up and the task fails; IQM goes on with the audience.

    All other arguments are those of :class:`~airflow_provider_iqm.operators.preparation.PreparationOperator`:
    ``audience_name``, ``columns`` and ``column_settings``, and how to clean the list.
    """

    template_fields: Sequence[str] = (*PreparationOperator.template_fields, "iqm_conn_id", "audience_subtype")
    may_be_none = PreparationOperator.may_be_none | {"audience_subtype"}
    ui_color = "#d5e8f7"
    operator_extra_links = (IQMAudienceLink(),)
    any_order = False
    """Whether a later try may find the list's records in another order."""

    def __init__(
        self,
        *,
        iqm_conn_id: str = IQMHook.default_conn_name,
        resume: bool = True,
        wait_for_ready: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 60.0,
        timeout: float = 7 * 24 * 60 * 60.0,
        audience_subtype: str | None = None,
        consent_given: bool | None = None,
        vertical_id: int | None = None,
        on_unchanged: OnUnchanged = "upload",
        min_match_rate: float | None = None,
        max_match_rate_drop: float | None = None,
        on_low_match_rate: OnLowMatchRate = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.iqm_conn_id = iqm_conn_id
        self.resume = resume
        self.wait_for_ready = wait_for_ready
        self.deferrable = deferrable
        self.poke_interval = poke_interval
        self.timeout = timeout
        self.audience_subtype = audience_subtype
        self.consent_given = consent_given
        self.vertical_id = vertical_id
        self.on_unchanged = on_unchanged
        self.min_match_rate = min_match_rate
        self.max_match_rate_drop = max_match_rate_drop
        self.on_low_match_rate = on_low_match_rate

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM."""
        return IQMHook(self.iqm_conn_id)

    @abstractmethod
    def prepared(self) -> AbstractContextManager[AudienceUpload]:
        """Give the list, ready to go to IQM, as long as the ``with`` block lasts."""

    def execute(self, context: Context) -> int:
        """Upload the list, wait for the audience if that is asked for, and return the audience's id."""
        history = AudienceHistory(self, context, log=self.log)
        with final_errors_fail_the_task():
            self.check_rendered_arguments()
            check_on_unchanged(self.on_unchanged, history)
            self._check_gate(history)
        with self.prepared() as upload:
            last = self._upload_or_skip(context, history, upload)
        if last.run_id == context["ti"].run_id:
            made = Made(
                name=last.audience_name, version=last.audience_id, records=upload.file.records, size=upload.file.size
            )
            self.made = [made]
        IQMAudienceLink.push(self, context, [last.audience_id])
        self._push(context, upload, audience_name=last.audience_name)
        if last.audience:
            self._found_ready(context, history, last, last.audience)
        elif self.wait_for_ready:
            audience = self._wait(last.audience_id)
            self._found_ready(context, history, replace(last, run_id=context["ti"].run_id), audience)
        else:
            self._tell_too_early(context, last, upload)
        return last.audience_id

    def execute_complete(self, context: Context, event: Any = None) -> int:
        """
        Go on after the trigger: return the audience's id, or raise what kept the audience from becoming ready.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
        """
        # The id comes with the event: dag.test() hands on nothing else of what a task had before it was deferred.
        (audience,) = ready_audiences(event, 1)
        self.made = [Made(name=audience["name"], version=audience["id"], records=audience["records"])]
        history = AudienceHistory(self, context, log=self.log)
        own = LastUpload(
            fingerprint=history.fingerprint_of(audience["id"]) if self.on_unchanged == "skip" else None,
            audience_id=audience["id"],
            audience_name=audience["name"],
            run_id=context["ti"].run_id,
        )
        self._found_ready(context, history, own, audience)
        return audience["id"]

    def _check_gate(self, history: AudienceHistory) -> None:
        if MatchRateGate.of(self).asked and not self.wait_for_ready:
            raise AudienceOptionError(
                "min_match_rate and max_match_rate_drop are about a ready audience: set wait_for_ready=True, or give "
                "them to AudienceReadySensor."
            )
        if self.max_match_rate_drop is not None:
            history.require("max_match_rate_drop")

    def _upload_or_skip(self, context: Context, history: AudienceHistory, upload: AudienceUpload) -> LastUpload:
        options = AudienceOptions(
            subtype=self.audience_subtype, consent_given=self.consent_given, vertical_id=self.vertical_id
        )
        run_id, fingerprint, last = context["ti"].run_id, None, None
        if self.on_unchanged == "skip":
            fingerprint = upload_fingerprint(upload, options, self.hook.settings)
            last = unchanged_audience(history, fingerprint, hook=self.hook, run_id=run_id, log=self.log)
        last = last or LastUpload(
            fingerprint=fingerprint,
            audience_id=self._upload(context, upload, options),
            audience_name=upload.name,
            run_id=run_id,
        )
        if fingerprint and not last.audience:
            history.keep_upload(last)
        return last

    def _upload(self, context: Context, upload: AudienceUpload, options: AudienceOptions) -> int:
        if not self.resume:
            return self.hook.upload(upload, resume=False, options=options)
        ti = context["ti"]
        token = upload.token(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, any_order=self.any_order)
        known = KnownAudience(context, token, log=self.log)
        audience_id = self.hook.upload(
            upload, token=token, interrupted=int(ti.try_number) > 1, known_id=known.read(), options=options
        )
        known.write(audience_id)
        return audience_id

    def _wait(self, audience_id: int) -> ReadyAudience:
        watch = AudienceWatch([audience_id], self.log)
        deadline = time.time() + self.timeout
        while True:
            self.hook.look(watch)
            if not watch.pending:
                return watch.ready[0]
            if self.deferrable:
                trigger = AudienceReadyTrigger(
                    [audience_id], self.iqm_conn_id, self.poke_interval, deadline, pool_slots=self.hook.pool_slots
                )
                defer_until_ready(self, trigger)
            if time.time() >= deadline:
                raise AirflowSensorTimeout(too_late(watch.pending))
            time.sleep(min(self.poke_interval, max(0.0, deadline - time.time())))

    def _found_ready(
        self, context: Context, history: AudienceHistory, last: LastUpload, audience: ReadyAudience
    ) -> None:
        """Let a ready audience pass the gate, keep it for later runs, and tell of it what is news."""
        gate = MatchRateGate.of(self)
        with final_errors_fail_the_task():
            gate.check([audience], history.last_ready(), self.log)
        if gate.asked:
            history.keep_ready([audience])
        if self.wait_for_ready and self.do_xcom_push:
            context["ti"].xcom_push(key="audience", value=audience)
        if last.fingerprint:
            history.keep_upload(replace(last, audience=audience))
        if last.run_id == context["ti"].run_id:
            tell_outlets(self, context, [event_of(audience, fingerprint=last.fingerprint)])
        else:
            silence_outlets(self, log=self.log)

    def _tell_too_early(self, context: Context, last: LastUpload, upload: AudienceUpload) -> None:
        event = AudienceEvent(
            audience_id=last.audience_id,
            audience_name=last.audience_name,
            status=AudienceStatus.PROCESSING.value,
            records=upload.file.records,
            match_rate=None,
            fingerprint=last.fingerprint,
        )
        if tell_outlets(self, context, [event]):
            self.log.warning(
                "The outlets' events are sent before audience %s is ready, and say so in their status. Set "
                "wait_for_ready=True, or give the outlet to the AudienceReadySensor.",
                last.audience_id,
            )

    def _push(self, context: Context, upload: AudienceUpload, *, audience_name: str) -> None:
        if not self.do_xcom_push:
            return
        facts: dict[str, Any] = {
            "audience_name": audience_name,
            "records": upload.file.records,
            "file_name": upload.file.name,
            "file_size": upload.file.size,
        }
        if upload.report:
            facts["report"] = upload.report.counts()
        for key, value in facts.items():
            context["ti"].xcom_push(key=key, value=value)
