"""What every operator that uploads an audience has in common: to upload it, and to wait until it is ready."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from airflow_provider_iqm.api.audience import AudienceOptions
from airflow_provider_iqm.api.watch import AudienceWatch
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink
from airflow_provider_iqm.operators.known_audience import KnownAudience
from airflow_provider_iqm.operators.preparation import PreparationOperator
from airflow_provider_iqm.triggers.deferral import defer_until_ready, ready_audiences
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger, too_late

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.audience import ReadyAudience
    from airflow_provider_iqm.audience.upload import AudienceUpload


class AudienceUploadOperator(PreparationOperator):
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
    :param timeout: Seconds after which the wait is given up and the task fails; IQM goes on with the audience.

    All other arguments are those of :class:`~airflow_provider_iqm.operators.preparation.PreparationOperator`:
    ``audience_name``, ``columns`` and ``column_settings``, and how to clean the list.
    """

    template_fields: Sequence[str] = (*PreparationOperator.template_fields, "iqm_conn_id", "audience_subtype")
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

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM."""
        return IQMHook(self.iqm_conn_id)

    @abstractmethod
    def prepared(self) -> AbstractContextManager[AudienceUpload]:
        """Give the list, ready to go to IQM, as long as the ``with`` block lasts."""

    def execute(self, context: Context) -> int:
        """Upload the list, wait for the audience if that is asked for, and return the audience's id."""
        with self.prepared() as upload:
            audience_id = self._upload(context, upload)
        IQMAudienceLink.push(self, context, [audience_id])
        self._push(context, upload)
        if self.wait_for_ready:
            self._push_audience(context, self._wait(audience_id))
        return audience_id

    def execute_complete(self, context: Context, event: Any = None) -> int:
        """
        Go on after the trigger: return the audience's id, or raise what kept the audience from becoming ready.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
        """
        # The id comes with the event: dag.test() hands on nothing else of what a task had before it was deferred.
        (audience,) = ready_audiences(event, 1)
        self._push_audience(context, audience)
        return audience["id"]

    def _upload(self, context: Context, upload: AudienceUpload) -> int:
        options = AudienceOptions(
            subtype=self.audience_subtype, consent_given=self.consent_given, vertical_id=self.vertical_id
        )
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

    def _push_audience(self, context: Context, audience: ReadyAudience) -> None:
        if self.do_xcom_push:
            context["ti"].xcom_push(key="audience", value=audience)

    def _push(self, context: Context, upload: AudienceUpload) -> None:
        if not self.do_xcom_push:
            return
        facts: dict[str, Any] = {
            "audience_name": upload.name,
            "records": upload.file.records,
            "file_name": upload.file.name,
            "file_size": upload.file.size,
        }
        if upload.report:
            facts["report"] = upload.report.counts()
        for key, value in facts.items():
            context["ti"].xcom_push(key=key, value=value)
