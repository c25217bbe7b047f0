"""The summary of an upload that a task pushes to XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_iqm.operators.xcom import push_xcom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_iqm.audience.upload import AudienceUpload


class UploadSummary(TypedDict):
    """
    The summary of an upload; a task that resumes after a deferral no longer has the file.

    :param audience_name: The audience's name.
    :param records: The number of records uploaded.
    :param file_name: The file's name.
    :param file_size: The size of the uploaded file, in bytes.
    :param report: The counts of the cleaning; None if the list wasn't cleaned.
    :param fingerprint: The fingerprint of the upload; None if the task doesn't compare lists.
    """

    audience_name: str
    records: int
    file_name: str
    file_size: int
    report: dict[str, Any] | None
    fingerprint: str | None


def summarize_upload(upload: AudienceUpload, *, audience_name: str, fingerprint: str | None) -> UploadSummary:
    """
    Summarize an upload.

    :param upload: The upload.
    :param audience_name: The audience's name.
    :param fingerprint: The fingerprint of the upload.
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
    Push the summary of an upload to XCom, one key per field.

    :param task: The task.
    :param context: The task's context.
    :param summary: The summary.
    """
    for key, value in summary.items():
        if key != "fingerprint" and value is not None:
            push_xcom(task, context, key, value)
