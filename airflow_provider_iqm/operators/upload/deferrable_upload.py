"""Uploads a list exactly once and waits for its audience, in the worker or in the triggerer."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_iqm.api.polling.match_rate import OnLowMatchRate
from airflow_provider_iqm.api.polling.watch import AudienceWatch
from airflow_provider_iqm.api.upload_search import OwnUploadSearch
from airflow_provider_iqm.exceptions import IQMError, IQMFinalError
from airflow_provider_iqm.hooks.upload_recovery import MAX_SETTLING
from airflow_provider_iqm.lineage.openlineage import UploadLineage
from airflow_provider_iqm.operators.campaign import Ids
from airflow_provider_iqm.operators.preparation import PreparationOperator
from airflow_provider_iqm.operators.upload.deferred_search import (
    SearchState,
    build_search_state,
    defer_search,
)
from airflow_provider_iqm.operators.upload.summary import summarize_upload
from airflow_provider_iqm.operators.upload.unchanged import OnUnchanged
from airflow_provider_iqm.operators.upload.upload_record import UploadRecord
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.triggers.deferral import defer_until_ready
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger, timeout_message
from airflow_provider_iqm.vocabulary import AudienceStatus

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.audience import AudienceOptions, MatchedAudience, ReadyAudience
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.hooks.iqm import IQMHook
    from airflow_provider_iqm.hooks.upload_attempts import UploadAttempts
    from airflow_provider_iqm.operators.upload.summary import UploadSummary


class DeferrableUploadOperator(PreparationOperator, UploadLineage):
    """Upload a list exactly once and wait for its audience, in the worker or in the triggerer."""

    iqm_conn_id: str
    resume: bool
    lost_answer_timeout: float
    wait_for_ready: bool
    deferrable: bool
    poke_interval: float
    timeout: float
    audience_subtype: str | None
    consent_given: bool | None
    vertical_id: int | None
    on_unchanged: OnUnchanged
    replaces: int | str | None
    campaign_ids: Ids | None
    keep_replaced: int
    min_records: int | None
    max_records_drop: float | None
    min_match_rate: float | None
    max_match_rate_drop: float | None
    on_low_match_rate: OnLowMatchRate
    any_order = False
    """Whether the order of the list's records can differ between tries."""

    @property
    @abstractmethod
    def hook(self) -> IQMHook:
        """The hook to IQM."""

    @property
    def waits(self) -> bool:
        """Whether the task waits for the audience; one that is to be put into campaigns has to be ready."""
        return self.wait_for_ready or self.replaces is not None or self.campaign_ids is not None

    def _attempts(
        self, context: Context, upload: AudienceUpload, record: UploadRecord, searched: SearchState | None
    ) -> UploadAttempts | None:
        if not self.resume:
            return None
        ti = context["ti"]
        with final_errors_fail_the_task():
            token = upload.token(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, any_order=self.any_order)
        attempts = record.attempts(token)
        return restore_attempts(attempts, searched) if searched and searched["token"] == token else attempts

    def _upload(
        self,
        upload: AudienceUpload,
        attempts: UploadAttempts | None,
        options: AudienceOptions,
        fingerprint: str | None,
    ) -> int:
        if attempts is None:
            return self.hook._upload(upload, resume=False, options=options)

        def search(own_search: OwnUploadSearch, seconds: float) -> list[MatchedAudience]:
            return self._search(own_search, seconds, attempts, summary)

        summary = summarize_upload(upload, audience_name=upload.name, fingerprint=fingerprint)
        audience_id = self.hook._upload(
            upload,
            attempts=attempts,
            options=options,
            lost_answer_timeout=self.lost_answer_timeout,
            search=search,
            check_duplicates=not self.deferrable,
        )
        self._defer_duplicates_search(attempts, audience_id, summary)
        return audience_id

    def _search(
        self, own_search: OwnUploadSearch, seconds: float, attempts: UploadAttempts, summary: UploadSummary
    ) -> list[MatchedAudience]:
        """Search for the audience of an upload whose answer was lost; if deferrable, search once, then defer."""
        if not self.deferrable or not seconds:
            return self.hook._search_own_uploads(own_search, seconds)
        try:
            if found := self.hook._search_own_uploads(own_search, 0):
                return found
        except IQMFinalError:
            raise
        except IQMError:
            self.log.info("The search failed; the triggerer will retry it")
        return defer_search(
            self,
            own_search,
            seconds,
            build_search_state(attempts, summary),
            iqm_conn_id=self.iqm_conn_id,
            pool_slots=self.hook._pool_slots,
        )

    def _defer_duplicates_search(self, attempts: UploadAttempts, audience_id: int, summary: UploadSummary) -> None:
        """Defer the search for duplicates of an upload that was sent more than once."""
        if not self.deferrable or not attempts.repeated:
            return
        self.log.info("The upload was sent more than once: searching for duplicates of audience %s", audience_id)
        defer_search(
            self,
            OwnUploadSearch(summary["audience_name"], attempts.token, attempts.earliest),
            self.lost_answer_timeout,
            build_search_state(attempts, summary, audience_id),
            iqm_conn_id=self.iqm_conn_id,
            pool_slots=self.hook._pool_slots,
            start_at=time.time() + min(self.lost_answer_timeout, MAX_SETTLING),
        )

    def _wait(self, audience_id: int) -> ReadyAudience:
        """Poll the audience until it is ready; if deferrable, poll once, then defer."""
        # "Deferring" says enough of an audience that IQM has just created.
        watch = AudienceWatch([audience_id], known_status=AudienceStatus.PROCESSING if self.deferrable else None)
        deadline = time.time() + self.timeout
        while True:
            self.hook._poll(watch, self.log)
            if not watch.pending:
                return watch.ready[0]
            if self.deferrable:
                trigger = AudienceReadyTrigger(
                    [audience_id],
                    self.iqm_conn_id,
                    self.poke_interval,
                    deadline,
                    pool_slots=self.hook._pool_slots,
                )
                defer_until_ready(self, trigger)
            if time.time() >= deadline:
                raise AirflowSensorTimeout(timeout_message(watch.pending))
            time.sleep(min(self.poke_interval, max(0.0, deadline - time.time())))


def restore_attempts(attempts: UploadAttempts, state: SearchState) -> UploadAttempts:
    """
    Restore the attempts of a task that resumes after a deferral.

    :param attempts: The recorded attempts.
    :param state: The state from before the deferral.
    """
    attempts.count = max(attempts.count, state["count"])
    attempts.sent_here = state["sent_here"]
    attempts.earliest = state["earliest"]
    # The search has timed out, so one more is enough.
    attempts.lost_at = 0.0
    return attempts
