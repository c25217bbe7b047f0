"""The base class of the operators that upload a list as an audience."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_iqm.api.audience import AudienceOptions
from airflow_provider_iqm.assets.history import AudienceHistory, LastUpload
from airflow_provider_iqm.exceptions import AudienceOptionError
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.hooks.upload_recovery import check_timeout
from airflow_provider_iqm.lineage.hook_lineage import report_audience
from airflow_provider_iqm.lineage.output import LineageOutput
from airflow_provider_iqm.links.campaign import IQMCampaignLink
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink
from airflow_provider_iqm.operators.match_rate import match_rate_gate
from airflow_provider_iqm.operators.preparation import PreparationOperator
from airflow_provider_iqm.operators.upload.deferrable_upload import DeferrableUploadOperator, restore_attempts
from airflow_provider_iqm.operators.upload.deferred_search import check_resend, parse_search_event
from airflow_provider_iqm.operators.upload.ready_audience import describe_unready, process_ready
from airflow_provider_iqm.operators.upload.replacement import AudienceReplacement
from airflow_provider_iqm.operators.upload.summary import push_summary, summarize_upload
from airflow_provider_iqm.operators.upload.unchanged import (
    check_on_unchanged,
    find_unchanged_upload,
    upload_fingerprint,
)
from airflow_provider_iqm.operators.upload.upload_record import UploadRecord
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_upload
from airflow_provider_iqm.triggers.deferral import parse_ready_event
from airflow_provider_iqm.triggers.request_turn import defer_long_wait, resume_turn

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.operators.upload.deferred_search import SearchState
    from airflow_provider_iqm.operators.upload.summary import UploadSummary


class AudienceUploadOperator(DeferrableUploadOperator):
    """
    Upload a list to IQM, and return the new audience's id.

    Subclasses read the list from its source and define all arguments.
    """

    template_fields: Sequence[str] = (
        *PreparationOperator.template_fields,
        "iqm_conn_id",
        "audience_subtype",
        "on_unchanged",
        "replaces",
        "campaign_ids",
        "on_low_match_rate",
    )
    may_be_none = PreparationOperator.may_be_none | {"audience_subtype"}
    # Without a value, they would replace the audience in all campaigns, or in none.
    may_be_omitted = frozenset(("replaces", "campaign_ids"))
    ui_color = "#d5e8f7"
    operator_extra_links = (IQMAudienceLink(), IQMCampaignLink())

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM."""
        return IQMHook(self.iqm_conn_id)

    @abstractmethod
    def prepare_list(self) -> AbstractContextManager[AudienceUpload]:
        """Return a context manager that reads, checks and cleans the list, and deletes its files at the end."""

    def execute(self, context: Context) -> int:
        """Upload the list, wait for the audience with ``wait_for_ready``, and return the audience's id."""
        self._check_deferrable()
        return self._execute(context)

    def execute_in_turn(self, context: Context, event: Any = None) -> int:
        """
        Resume shortly before the rate limit allows the first request.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.request_turn.RequestTurnTrigger`.
        """
        resume_turn(self.hook, event)
        return self._execute(context, in_turn=True)

    def execute_after_search(self, context: Context, event: Any = None) -> int:
        """
        Resume after the search for an upload whose answer was lost: use the audience found, or upload again.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.upload_search.UploadSearchTrigger`.
        """
        state, found = parse_search_event(event)
        summary = state["summary"]
        if not found:
            check_resend(state)
            self.log.warning('IQM doesn\'t list audience "%s"; uploading again', summary["audience_name"])
            return self._execute(context, searched=state)
        record = UploadRecord(context, log=self.log)
        record.start_try(resumed=True)
        attempts = restore_attempts(record.attempts(state["token"]), state)
        audience_id = self.hook._keep_oldest_upload(found)
        attempts.made(audience_id)
        report_upload(records=summary["records"], file_bytes=summary["file_size"], counts=summary["report"])
        self.log.info('Found audience %s "%s"; not uploading again', audience_id, summary["audience_name"])
        self._defer_duplicates_search(attempts, audience_id, summary)
        return self._resume_after_search(context, audience_id, summary)

    def execute_after_duplicates_search(self, context: Context, event: Any = None) -> int:
        """
        Resume after the search for duplicates of an upload that was sent more than once: keep the oldest audience.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.upload_search.UploadSearchTrigger`.
        """
        state, found = parse_search_event(event)
        record = UploadRecord(context, log=self.log)
        record.start_try(resumed=True)
        attempts = restore_attempts(record.attempts(state["token"]), state)
        audience_id = self.hook._keep_one_upload(found, state["audience_id"], state["token"])
        attempts.settled(audience_id)
        return self._resume_after_search(context, audience_id, state["summary"])

    def _resume_after_search(self, context: Context, audience_id: int, summary: UploadSummary) -> int:
        self._check_replacement_arguments()
        report_audience(self.hook, summary["audience_name"], audience_id)
        last = LastUpload(
            fingerprint=summary["fingerprint"],
            audience_id=audience_id,
            audience_name=summary["audience_name"],
            run_id=context["ti"].run_id,
        )
        history = AudienceHistory(self, context, log=self.log)
        if last.fingerprint:
            history.save_upload(last)
        return self._finish(context, history, last, summary)

    def execute_complete(self, context: Context, event: Any = None) -> int:
        """
        Resume after the wait: return the audience's id, or raise an error if the audience isn't ready.

        :param event: The event of :class:`~airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger`.
        """
        # Read the id from the event: dag.test() keeps no other state of a deferred task.
        (audience,) = parse_ready_event(event, 1)
        self._check_replacement_arguments()
        history = AudienceHistory(self, context, log=self.log)
        self.lineage_outputs = [
            LineageOutput(name=audience["name"], version=audience["id"], records=audience["records"])
        ]
        upload = LastUpload(
            fingerprint=history.fingerprint_of(audience["id"]) if self.on_unchanged == "skip" else None,
            audience_id=audience["id"],
            audience_name=audience["name"],
            run_id=context["ti"].run_id,
        )
        process_ready(self, context, history, upload, audience)
        return audience["id"]

    def _execute(self, context: Context, *, searched: SearchState | None = None, in_turn: bool = False) -> int:
        history = AudienceHistory(self, context, log=self.log)
        with final_errors_fail_the_task():
            self.check_rendered_arguments()
            check_on_unchanged(self.on_unchanged, history)
            check_timeout(self.lost_answer_timeout)
            self._check_gate(history)
            replacement = AudienceReplacement(self, context, history)
            replacement.check_arguments()
        record = UploadRecord(context, log=self.log)
        if self.resume:
            record.start_try(resumed=in_turn or searched is not None)
        if self.deferrable and not in_turn and not searched:
            # Before the list is prepared: a deferral loses its files.
            defer_long_wait(self, self.hook, iqm_conn_id=self.iqm_conn_id, method_name="execute_in_turn")
        with self.prepare_list() as upload:
            with final_errors_fail_the_task():
                replacement.check_records(upload.file.records)
            last = self._upload_or_skip(context, history, upload, record, searched)
            summary = summarize_upload(upload, audience_name=last.audience_name, fingerprint=last.fingerprint)
        return self._finish(context, history, last, summary)

    def _finish(
        self,
        context: Context,
        history: AudienceHistory,
        last: LastUpload,
        summary: UploadSummary,
    ) -> int:
        """Report the upload, and wait for the audience with ``wait_for_ready``."""
        if last.run_id == context["ti"].run_id:
            output = LineageOutput(
                name=last.audience_name,
                version=last.audience_id,
                records=summary["records"],
                size=summary["file_size"],
            )
            self.lineage_outputs = [output]
        IQMAudienceLink.push(self, context, [last.audience_id])
        push_summary(self, context, summary)
        if last.audience:
            process_ready(self, context, history, last, last.audience)
        elif self.waits:
            AudienceReplacement(self, context, history).remember(last.audience_id)
            audience = self._wait(last.audience_id)
            last = replace(last, run_id=context["ti"].run_id)
            process_ready(self, context, history, last, audience)
        else:
            describe_unready(self, context, last, summary["records"])
        return last.audience_id

    def _check_deferrable(self) -> None:
        by_default = conf.getboolean("operators", "default_deferrable", fallback=False)
        if self.deferrable and not self.waits and not by_default:
            warnings.warn(
                "deferrable=True without wait_for_ready=True: the task doesn't wait for the audience. Only the search "
                "for an upload whose answer was lost, and long waits for the rate limit, are deferred.",
                UserWarning,
                stacklevel=2,
            )

    def _check_replacement_arguments(self) -> None:
        """Check them when the task resumes: Airflow renders templates again, and an XCom can be gone by then."""
        with final_errors_fail_the_task():
            self.check_rendered_arguments(self.may_be_omitted)

    def _check_gate(self, history: AudienceHistory) -> None:
        if match_rate_gate(self).has_limits and not self.waits:
            raise AudienceOptionError(
                "min_match_rate and max_match_rate_drop need a ready audience. Set wait_for_ready=True, or move them "
                "to the AudienceReadySensor."
            )
        if self.max_match_rate_drop is not None:
            history.check_enabled("max_match_rate_drop")

    def _upload_or_skip(
        self,
        context: Context,
        history: AudienceHistory,
        upload: AudienceUpload,
        record: UploadRecord,
        searched: SearchState | None,
    ) -> LastUpload:
        options = AudienceOptions(
            subtype=self.audience_subtype, consent_given=self.consent_given, vertical_id=self.vertical_id
        )
        run_id, fingerprint = context["ti"].run_id, None
        if self.on_unchanged == "skip":
            fingerprint = upload_fingerprint(upload, options, self.hook.settings)
            last = find_unchanged_upload(
                history,
                fingerprint,
                own=AudienceReplacement(self, context, history).own_audiences,
                hook=self.hook,
                run_id=run_id,
                log=self.log,
            )
            if last:
                if not last.audience:
                    history.save_upload(last)
                return last
        attempts = self._attempts(context, upload, record, searched)
        audience_id = self._upload(upload, attempts, options, fingerprint)
        last = LastUpload(fingerprint=fingerprint, audience_id=audience_id, audience_name=upload.name, run_id=run_id)
        if fingerprint:
            history.save_upload(last)
        return last
