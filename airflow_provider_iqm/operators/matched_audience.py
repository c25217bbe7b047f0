"""Uploads a file to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_iqm.api.polling.match_rate import OnLowMatchRate
from airflow_provider_iqm.audience.cleaning.options import OnInvalidRecords, PhoneFormat
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.hooks.upload_recovery import LOST_ANSWER_TIMEOUT
from airflow_provider_iqm.lineage.hook_lineage import report_file
from airflow_provider_iqm.operators.upload.audience_upload import AudienceUploadOperator
from airflow_provider_iqm.operators.upload.unchanged import OnUnchanged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.lineage.source import LineageSource


class MatchedAudienceUploadOperator(AudienceUploadOperator):
    """
    Check an audience file, upload it to IQM, and return the new audience's id.

    The file and the mapping are checked before any request is sent; what is wrong with them fails the task without a
    retry. Without any of the arguments from ``normalize`` to ``suppression_path``, a plain file (UTF-8 CSV with commas,
    or a workbook's first sheet) is uploaded byte for byte.

    Besides the id, the task pushes ``audience_name``, ``records``, ``file_name`` and ``file_size`` (bytes) to XCom,
    ``report`` (counts) if the list was cleaned, ``audience`` (IQM's details) if it waited for the audience, and
    ``audience_event`` (the data of an asset event) if none of its outlets is an audience.

    :param file_path: A CSV file, which may be gzip-compressed, or an XLSX file, of at most 1 GB and 5,000,000 records:
        a path on the worker, or a URL of object storage (``s3://conn_id@bucket/key``), which is copied to
        ``scratch_dir`` first. (templated)
    :param audience_name: The audience's name, at most 255 characters. (templated)
    :param columns: The mapping, file column → IQM field, by the field's system name (``Voters_FirstName``) or label
        (``First Name``). A mapping can also be a JSON object as text, such as from a Variable, a Param or a template,
        or the name of a ``.json`` file. (templated)
    :param column_settings: IQM field → data format (``{"Email": "SHA256"}``) or data partner (``{"Voters_ID":
        "LalVoterID"}``), if the mapping needs one. (templated)
    :param delimiter: The field delimiter of a CSV file; default: detected from the header (comma, semicolon, tab or
        pipe). (templated)
    :param encoding: The encoding of a CSV file, as a Python codec name (``cp1252``); default: from the byte order
        mark, or UTF-8. (templated)
    :param sheet: The sheet of a workbook; default: the first. (templated)
    :param normalize: Whether to convert the values of mapped columns to the published normalized form of their
        field.
    :param phone_format: The format of normalized phone numbers: ``10-digit`` or ``E.164``. (templated)
    :param hash_columns: File column → ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512``. Values are normalized and
        hashed, and the column's setting is set accordingly. Values that are already hashed are lowercased.
        (templated)
    :param on_invalid_records: What to do with records that can't match: ``drop`` them, or ``fail`` the task;
        default: ``drop`` if another argument enables cleaning, otherwise they are uploaded. (templated)
    :param quarantine_path: A file to list the dropped records in: number, column and reason, without values.
        (templated)
    :param max_invalid_ratio: The maximum share of invalid records, from 0 to 1; the task fails if it is exceeded.
    :param drop_duplicates: Whether to keep only the first of several records with the same mapped, normalized
        values.
    :param suppression_path: A CSV or XLSX file of people whose records are left out: a path on the worker, or a URL of
        object storage. It has one or more of the mapped columns, raw or hashed; implies ``normalize``. (templated)
    :param scratch_dir: The folder for temporary copies; default: the system's temporary folder. (templated)
    :param memory_limit: The memory limit for checking and cleaning the file, such as ``256MiB``. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param resume: Whether to search IQM for an upload of an earlier try, or one whose answer was lost, before
        uploading again. A token in the uploaded file's name identifies the upload.
    :param lost_answer_timeout: Seconds to search for a lost upload before uploading again.
    :param wait_for_ready: Whether to wait until IQM has matched and approved the audience, as
        :class:`~airflow_provider_iqm.sensors.matched_audience.AudienceReadySensor` does.
    :param deferrable: Whether to wait for the audience, and to search for a lost upload, in the triggerer instead of a
        worker slot; default: Airflow's setting ``default_deferrable`` in ``[operators]``.
    :param poke_interval: Seconds between two polls of the audience; in the triggerer, it grows to 10 minutes.
    :param timeout: Seconds to wait for the audience; after a timeout the task fails, but IQM keeps processing the
        audience.
    :param audience_subtype: The audience's subtype in healthcare, such as ``hcp``, ``npi_nurse`` or ``patient`` (v3
        only). (templated)
    :param consent_given: Whether the patients have given consent (v3 only; required for ``patient``).
    :param vertical_id: The id of the vertical, if the account has several (v3 only).
    :param on_unchanged: What to do if the list hasn't changed since the last upload: ``upload`` it again, or
        ``skip`` the upload and return the id of the existing audience, without an asset event. (templated)
    :param replaces: The audience to replace in campaigns when the new one is ready: ``previous`` for the audience of
        this task's last run, or an audience's id. The task waits for the new audience. (templated)
    :param campaign_ids: The campaigns to put the audience into; default: those that include or exclude the replaced
        audience (v3 only). (templated)
    :param keep_replaced: How many replaced audiences to keep for a rollback; older ones are deleted.
    :param min_records: The minimum number of records; checked before the upload.
    :param max_records_drop: The maximum drop of the number of records compared with the previous audience, in
        percent; checked before the upload.
    :param min_match_rate: The minimum match rate, in percent; needs ``wait_for_ready``.
    :param max_match_rate_drop: The maximum drop of the match rate compared with the previous audience, in
        percentage points; needs ``wait_for_ready``.
    :param on_low_match_rate: What to do if the match rate is too low: ``fail``, or only ``warn``. (templated)
    """

    template_fields: Sequence[str] = (
        "file_path",
        "delimiter",
        "encoding",
        "sheet",
        *AudienceUploadOperator.template_fields,
    )

    file_path: str | Path
    delimiter: str | None
    encoding: str | None
    sheet: str | None

    def __init__(
        self,
        *,
        file_path: str | Path,
        audience_name: str,
        columns: Mapping[str, str] | str,
        column_settings: Mapping[str, str] | str | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        normalize: bool = False,
        phone_format: PhoneFormat = "10-digit",
        hash_columns: Mapping[str, str] | str | None = None,
        on_invalid_records: OnInvalidRecords | None = None,
        quarantine_path: str | Path | None = None,
        max_invalid_ratio: float = 0.1,
        drop_duplicates: bool = False,
        suppression_path: str | Path | None = None,
        scratch_dir: str | Path | None = None,
        memory_limit: str = DEFAULT_MEMORY_LIMIT,
        iqm_conn_id: str = IQMHook.default_conn_name,
        resume: bool = True,
        lost_answer_timeout: float = LOST_ANSWER_TIMEOUT,
        wait_for_ready: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 60.0,
        timeout: float = 7 * 24 * 60 * 60.0,
        audience_subtype: str | None = None,
        consent_given: bool | None = None,
        vertical_id: int | None = None,
        on_unchanged: OnUnchanged = "upload",
        replaces: int | str | None = None,
        campaign_ids: int | str | Iterable[int | str] | None = None,
        keep_replaced: int = 0,
        min_records: int | None = None,
        max_records_drop: float | None = None,
        min_match_rate: float | None = None,
        max_match_rate_drop: float | None = None,
        on_low_match_rate: OnLowMatchRate = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_arguments(locals())

    def prepare_list(self) -> AbstractContextManager[AudienceUpload]:
        """Check the file, and clean it if required."""
        report_file(self.hook, self.file_path)
        return self.prepare_file(self.file_path, delimiter=self.delimiter, encoding=self.encoding, sheet=self.sheet)

    def lineage_source(self, columns: Iterable[str]) -> LineageSource:
        """Return the file as the source of the lineage."""
        from airflow_provider_iqm.lineage.file_source import file_source

        return file_source(self.file_path, columns)
