"""Uploads a file to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.upload import AudienceUpload
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.preparation import PreparationOperator

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context


class MatchedAudienceUploadOperator(PreparationOperator):
    """
    Check an audience file, upload it to IQM, and return the new audience's id.

    Besides the id, the task pushes ``audience_name``, ``records``, ``file_name`` and ``file_size`` (bytes) to XCom,
    and ``report`` (counts) where the list was cleaned.

    :param file_path: A CSV or XLSX file of at most 1 GB and 5,000,000 records: a path on the worker, or a URL of object
        storage (``s3://conn_id@bucket/key``), which is copied to ``scratch_dir`` first. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param resume: Whether a later try, or a cleared task, first looks whether IQM has the audience of an earlier try,
        and takes it. A token of the Dag, task, run, map index and content, in the name of the uploaded file, proves it.

    All other arguments are those of :class:`~airflow_provider_iqm.operators.preparation.PreparationOperator`:
    ``audience_name``, ``columns`` and ``column_settings``, and how to clean the list.
    """

    template_fields: Sequence[str] = ("file_path", *PreparationOperator.template_fields, "iqm_conn_id")
    ui_color = "#d5e8f7"

    def __init__(
        self,
        *,
        file_path: str | Path,
        iqm_conn_id: str = IQMHook.default_conn_name,
        resume: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_path = file_path
        self.iqm_conn_id = iqm_conn_id
        self.resume = resume

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM."""
        return IQMHook(self.iqm_conn_id)

    def execute(self, context: Context) -> int:
        """Upload the file, and return the audience's id."""
        with self.prepare(self.file_path) as upload:
            audience_id = self._upload(context, upload)
        self._push(context, upload)
        return audience_id

    def _upload(self, context: Context, upload: AudienceUpload) -> int:
        if not self.resume:
            return self.hook.upload(upload, resume=False)
        ti = context["ti"]
        token = upload.token(ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
        return self.hook.upload(upload, token=token, interrupted=int(ti.try_number) > 1)

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
