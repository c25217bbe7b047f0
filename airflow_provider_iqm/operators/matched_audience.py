"""Uploads a file to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_iqm.audience.upload import AudienceUpload, prepare_upload
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.iqm import IQMHook

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context


class MatchedAudienceUploadOperator(BaseOperator):
    """
    Check an audience file, upload it to IQM, and return the new audience's id.

    The file and the mapping are checked before any request is sent; what is wrong with them fails the task without a
    retry, since a second try would meet with the same. The limits and the kinds of mapping are those of IQM's
    "Quickstart Guide: Matched Audience Upload".

    Besides the id, the task pushes ``audience_name``, ``records``, ``file_name`` and ``file_size`` (bytes) to XCom.

    :param file_path: A CSV or XLSX file on the worker, of at most 1 GB and 5,000,000 records. (templated)
    :param audience_name: The audience's name. (templated)
    :param columns: The mapping, file column → IQM field. A field is given by its system name
        (``Voters_FirstName``) or by the name that people see (``First Name``). (templated)
    :param column_settings: IQM field → data format (``{"Email": "SHA256"}``) or data partner
        (``{"Voters_ID": "LalVoterID"}``), where the mapping's kind needs one. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param resume: Whether a later try, or a cleared task, first looks whether IQM has the audience of an earlier try,
        and takes it. A token of the Dag, task, run, map index and content, in the name of the uploaded file, proves it.
    """

    template_fields: Sequence[str] = ("file_path", "audience_name", "columns", "column_settings", "iqm_conn_id")
    template_fields_renderers = {"columns": "json", "column_settings": "json"}  # noqa: RUF012 - Airflow's own form
    ui_color = "#d5e8f7"

    def __init__(
        self,
        *,
        file_path: str | Path,
        audience_name: str,
        columns: Mapping[str, str],
        column_settings: Mapping[str, str] | None = None,
        iqm_conn_id: str = IQMHook.default_conn_name,
        resume: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_path = file_path
        self.audience_name = audience_name
        self.columns = columns
        self.column_settings = column_settings
        self.iqm_conn_id = iqm_conn_id
        self.resume = resume

    @cached_property
    def hook(self) -> IQMHook:
        """The hook to IQM."""
        return IQMHook(self.iqm_conn_id)

    def execute(self, context: Context) -> int:
        """Upload the file, and return the audience's id."""
        with final_errors_fail_the_task():
            upload = prepare_upload(
                file_path=self.file_path,
                audience_name=self.audience_name,
                columns=self.columns,
                column_settings=self.column_settings,
            )
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
        facts = {
            "audience_name": upload.name,
            "records": upload.file.records,
            "file_name": upload.file.name,
            "file_size": upload.file.size,
        }
        for key, value in facts.items():
            context["ti"].xcom_push(key=key, value=value)
