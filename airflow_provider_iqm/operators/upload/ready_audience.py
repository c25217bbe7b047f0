"""What happens to an uploaded audience when it is ready: checks, campaigns, history, reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.api.campaigns import CampaignIds
from airflow_provider_iqm.assets.history import AudienceHistory, LastUpload
from airflow_provider_iqm.assets.outlets import AudienceEvent, audience_event, remove_audience_outlets
from airflow_provider_iqm.exceptions import LowMatchRateError
from airflow_provider_iqm.lineage.hook_lineage import report_audience
from airflow_provider_iqm.operators.audience_report import report_audiences
from airflow_provider_iqm.operators.match_rate import check_match_rates, match_rate_gate
from airflow_provider_iqm.operators.upload.replacement import AudienceReplacement
from airflow_provider_iqm.operators.xcom import push_xcom
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.runtime.metrics import report_match_rate
from airflow_provider_iqm.vocabulary import AudienceStatus

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.api.audience import ReadyAudience
    from airflow_provider_iqm.operators.upload.deferrable_upload import DeferrableUploadOperator


def process_ready(
    task: DeferrableUploadOperator,
    context: Context,
    history: AudienceHistory,
    last: LastUpload,
    audience: ReadyAudience,
) -> None:
    """
    Check the match rate of a ready audience, put it into campaigns, store it for later runs, and report it.

    :param task: The upload.
    :param context: The task's context.
    :param history: The history of the task's audience.
    :param last: The upload of the audience, by this run or an earlier one.
    :param audience: IQM's details of the audience.
    :raises LowMatchRateError: The match rate is too low.
    :raises CampaignTargetingError: Some campaigns weren't changed.
    """
    gate = match_rate_gate(task)
    replacement = AudienceReplacement(task, context, history)
    replacement.remember(audience["id"])
    report_match_rate(audience.get("match_rate"))
    with final_errors_fail_the_task():
        try:
            check_match_rates(gate, [audience], history.last_ready(), task.log)
        except LowMatchRateError as error:
            raise LowMatchRateError(f"{error}{replacement.advice}") from None
    if gate.has_limits:
        history.save_ready([audience])
    if task.waits:
        push_xcom(task, context, "audience", audience)
    if last.fingerprint:
        history.save_upload(replace(last, audience=audience))
    done = replacement.carry_out(audience)
    event = audience_event(audience, fingerprint=last.fingerprint)
    if done:
        event["replaced"] = done["old_audience_ids"]
        report_audience(task.hook, audience["name"], audience["id"], replaced=done["old_audience_ids"])
        task.lineage_outputs = [replace(output, replacement=done) for output in task.lineage_outputs]
        event["campaigns"] = CampaignIds(included=done["included"], excluded=done["excluded"])
        push_xcom(task, context, "campaigns", event["campaigns"])
    if last.run_id == context["ti"].run_id:
        report_audiences(task, context, [event])
    else:
        remove_audience_outlets(task, log=task.log)


def describe_unready(task: DeferrableUploadOperator, context: Context, last: LastUpload, records: int) -> None:
    """
    Report an audience that isn't ready, and warn if the task sends asset events.

    :param task: The upload.
    :param context: The task's context.
    :param last: The upload of the audience.
    :param records: The number of records.
    """
    event = AudienceEvent(
        audience_id=last.audience_id,
        audience_name=last.audience_name,
        status=AudienceStatus.PROCESSING.value,
        records=records,
        match_rate=None,
        uniques=None,
        data_cost=None,
        fingerprint=last.fingerprint,
    )
    if report_audiences(task, context, [event]):
        task.log.warning(
            "Sending the asset event before audience %s is Ready (its status is %s). To send it afterwards, set "
            "wait_for_ready=True, or move the outlet to the AudienceReadySensor.",
            last.audience_id,
            event["status"],
        )
