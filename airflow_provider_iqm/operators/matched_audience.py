"""Uploads a file to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_iqm.audience.cleaning import OnInvalidRecords, PhoneFormat
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

    Besides the id, the task pushes ``audience_name``, ``records``, ``file_name`` and ``file_size`` (bytes) to XCom,
    and ``report`` (counts) where the list was cleaned.

    Without any of the arguments from ``normalize`` to ``drop_duplicates``, the file goes out byte for byte.

    :param file_path: A CSV or XLSX file on the worker, of at most 1 GB and 5,000,000 records. (templated)
    :param audience_name: The audience's name. (templated)
    :param columns: The mapping, file column → IQM field. A field is given by its system name
        (``Voters_FirstName``) or by the name that people see (``First Name``). (templated)
    :param column_settings: IQM field → data format (``{"Email": "SHA256"}``) or data partner
        (``{"Voters_ID": "LalVoterID"}``), where the mapping's kind needs one. (templated)
    :param normalize: Write each mapped column's values in the form that is published for its field.
    :param phone_format: The form of a normalised phone: ``10-digit``, or ``E.164``.
    :param hash_columns: File column → ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512``: normalise and hash its values, and
        set its column setting. A column that is hashed already is passed on in lower case. (templated)
    :param on_invalid_records: Whether to ``drop`` records that can't match, or to ``fail``. A list that is cleaned for
        another reason drops them.
    :param quarantine_path: A file that receives the number, the column and the reason of each record left out as
        invalid, and none of its values. (templated)
    :param max_invalid_ratio: The share of invalid records, from 0 to 1, above which the task fails.
    :param drop_duplicates: Keep only the first of the records whose mapped, normalised values are all the same.
    :param scratch_dir: Where the cleaned copy lives until the upload is over; the system's temporary folder by
        default. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param resume: Whether a later try, or a cleared task, first looks whether IQM has the audience of an earlier try,
        and takes it. A token of the Dag, task, run, map index and content, in the name of the uploaded file, proves it.
    """

    template_fields: Sequence[str] = (
        "file_path",
        "audience_name",
        "columns",
        "column_settings",
        "hash_columns",
        "quarantine_path",
        "scratch_dir",
        "iqm_conn_id",
    )
    template_fields_renderers = {"columns": "json", "column_settings": "json", "hash_columns": "json"}  # noqa: RUF012 - Airflow's own form
    ui_color = "#d5e8f7"

    def __init__(
        self,
        *,
        file_path: str | Path,
        audience_name: str,
        columns: Mapping[str, str],
        column_settings: Mapping[str, str] | None = None,
        normalize: bool = False,
        phone_format: PhoneFormat = "10-digit",
        hash_columns: Mapping[str, str] | None = None,
        on_invalid_records: OnInvalidRecords | None = None,
        quarantine_path: str | Path | None = None,
        max_invalid_ratio: float = 0.1,
        drop_duplicates: bool = False,
        scratch_dir: str | Path | None = None,
        iqm_conn_id: str = IQMHook.default_conn_name,
        resume: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_path = file_path
        self.audience_name = audience_name
        self.columns = columns
        self.column_settings = column_settings
        self.normalize = normalize
        self.phone_format = phone_format
        self.hash_columns = hash_columns
        self.on_invalid_records = on_invalid_records
        self.quarantine_path = quarantine_path
        self.max_invalid_ratio = max_invalid_ratio
        self.drop_duplicates = drop_duplicates
        self.scratch_dir = scratch_dir
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
                normalize=self.normalize,
                phone_format=self.phone_format,
                hash_columns=self.hash_columns,
                on_invalid_records=self.on_invalid_records,
                quarantine_path=self.quarantine_path,
                max_invalid_ratio=self.max_invalid_ratio,
                drop_duplicates=self.drop_duplicates,
                scratch_dir=self.scratch_dir,
            )
        with upload:
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
