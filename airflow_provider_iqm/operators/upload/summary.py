"""What a task tells of its upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_iqm.audience.upload import AudienceUpload


class UploadSummary(TypedDict):
    """
    What is told of an upload once it is done; a task that goes on after a deferral has no file to look at.

    :param audience_name: The audience's name.
    :param records: How many records were sent.
    :param file_name: The file's name.
    :param file_size: How many bytes were sent.
    :param report: The counts of the cleaning, where there was any.
    :param fingerprint: The fingerprint of all that was sent, where the task needs one.
    """

    audience_name: str
    records: int
    file_name: str
    file_size: int
    report: dict[str, Any] | None
    fingerprint: str | None


def summarize_upload(upload: AudienceUpload, *, audience_name: str, fingerprint: str | None) -> UploadSummary:
    """
    Gather what is told of an upload.

    :param upload: The upload.
    :param audience_name: The audience's name.
    :param fingerprint: Its fingerprint.
    """
    return UploadSummary(
        audience_name=audience_name,
        records=upload.file.records,
        file_name=upload.file.name,
        file_size=upload.file.size,
        report=upload.report.counts() if upload.report else None,
        fingerprint=fingerprint,
    )


def push_summary(task: BaseOperator, context: Context, summary: UploadSummary) -> None:
    """
    Push what is told of an upload to XCom.

    :param task: The task.
    :param context: Its context.
    :param summary: What is told.
    """
    for key, value in summary.items():
        if key != "fingerprint" and value is not None:
            push_xcom(task, context, key, value)


def push_xcom(task: BaseOperator, context: Context, key: str, value: Any) -> None:
    """
    Push a value to XCom, if the task pushes any; one that can't be pushed doesn't fail the task.

    :param task: The task.
    :param context: Its context.
    :param key: The value's key.
    :param value: The value.
    """
    if task.do_xcom_push:
        with best_effort(task.log, f"push {key} to XCom"):
            context["ti"].xcom_push(key=key, value=value)
