"""Uploads audiences from files and DataFrames."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_iqm.api.audience import AudienceOptions
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.hooks.list_log import log_list_warnings
from airflow_provider_iqm.hooks.resumable_upload import IQMResumableUploadHook, new_audience
from airflow_provider_iqm.hooks.upload_recovery import LOST_ANSWER_TIMEOUT
from airflow_provider_iqm.lineage.hook_lineage import report_file
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.cleaning.options import CleaningOptions
    from airflow_provider_iqm.audience.upload import AudienceUpload


class IQMUploadHook(IQMResumableUploadHook):
    """
    Uploads audiences.

    :param iqm_conn_id: The Airflow connection of type ``iqm``.
    """

    def upload_matched_audience(
        self,
        *,
        file_path: str | Path,
        audience_name: str,
        columns: Mapping[str, str] | str,
        column_settings: Mapping[str, str] | str | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        audience_subtype: str | None = None,
        consent_given: bool | None = None,
        vertical_id: int | None = None,
        lost_answer_timeout: float = LOST_ANSWER_TIMEOUT,
        **cleaning: Unpack[CleaningOptions],
    ) -> int:
        """
        Check a file, clean it if requested, upload it as a matched audience, and return the audience's id.

        :param file_path: A CSV file, which may be gzip-compressed, or an XLSX file; at most 1 GB and 5,000,000 records.
        :param audience_name: The audience's name.
        :param columns: Column mapping: file column → IQM field, by system name or label; or a JSON object as text.
        :param column_settings: IQM field → data format or data partner, if the mapping requires one; or a JSON object
            as text.
        :param delimiter: Field delimiter; by default, the comma, semicolon, tab or pipe with which the header has the
            mapped columns.
        :param encoding: Text encoding, by Python's name; by default, that of the byte order mark, or UTF-8.
        :param sheet: The workbook's sheet; by default, the first.
        :param audience_subtype: The audience's subtype in healthcare, such as ``hcp`` or ``patient`` (v3 only).
        :param consent_given: Whether the patients have given their consent (v3 only).
        :param vertical_id: The vertical, if the account has several (v3 only).
        :param lost_answer_timeout: Seconds to search IQM for the audience if the response to the upload was lost,
            before the list is uploaded a second time.
        :param cleaning: The arguments of :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`.
        :raises ReadingOptionError: The file doesn't match ``delimiter``, ``encoding`` or ``sheet``.
        :raises AudienceFileError: The file can't be uploaded.
        :raises ColumnMappingError: The mapping doesn't match the file or IQM's fields.
        :raises IQMApiError: IQM returned an error.
        """
        # Imported here because Dags and sensors don't need it.
        from airflow_provider_iqm.audience.upload import prepare_upload

        report_file(self, file_path)
        if suppression_path := cleaning.get("suppression_path"):
            report_file(self, suppression_path)
        with final_errors_fail_the_task(), log_list_warnings(self.log):
            upload = prepare_upload(
                file_path=file_path,
                audience_name=audience_name,
                columns=columns,
                column_settings=column_settings,
                delimiter=delimiter,
                encoding=encoding,
                sheet=sheet,
                **cleaning,
            )
        options = AudienceOptions(subtype=audience_subtype, consent_given=consent_given, vertical_id=vertical_id)
        with upload:
            return self._upload(upload, options=options, lost_answer_timeout=lost_answer_timeout)

    def upload_dataframe(
        self,
        dataframe: Any,
        *,
        audience_name: str,
        columns: Mapping[str, str] | str,
        column_settings: Mapping[str, str] | str | None = None,
        audience_subtype: str | None = None,
        consent_given: bool | None = None,
        vertical_id: int | None = None,
        lost_answer_timeout: float = LOST_ANSWER_TIMEOUT,
        **cleaning: Unpack[CleaningOptions],
    ) -> int:
        """
        Write a DataFrame to a CSV file in pieces, and upload it with :meth:`upload_matched_audience`.

        :param dataframe: A pandas DataFrame (without its index), an Arrow table, batch or stream, or any object with
            ``__arrow_c_stream__``, such as a Polars DataFrame or a DuckDB relation.
        :param audience_name: The audience's name.
        :param columns: Column mapping: DataFrame column → IQM field, by system name or label; or a JSON object as text.
        :param column_settings: IQM field → data format or data partner, if the mapping requires one; or a JSON object
            as text.
        :param audience_subtype: The audience's subtype in healthcare, such as ``hcp`` or ``patient`` (v3 only).
        :param consent_given: Whether the patients have given their consent (v3 only).
        :param vertical_id: The vertical, if the account has several (v3 only).
        :param lost_answer_timeout: Seconds to search IQM for the audience if the response to the upload was lost,
            before the list is uploaded a second time.
        :param cleaning: The arguments of :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`. The CSV
            file is written to ``scratch_dir``.
        :raises AudienceFileError: The name of a column isn't text, or values can't be written as text, such as bytes.
        :raises ColumnMappingError: The mapping doesn't match the DataFrame or IQM's fields.
        :raises IQMApiError: IQM returned an error.
        """
        from airflow_provider_iqm.audience.formats.dataframe import write_dataframe

        scratch = Scratch(cleaning.get("scratch_dir"))
        with closing(scratch):
            with (
                final_errors_fail_the_task(),
                system_errors(name="the DataFrame", folder=scratch.parent, only_resources=True),
            ):
                path = scratch.new_file("dataframe.csv")
                write_dataframe(dataframe, path)
            return self.upload_matched_audience(
                file_path=path,
                audience_name=audience_name,
                columns=columns,
                column_settings=column_settings,
                delimiter=",",
                audience_subtype=audience_subtype,
                consent_given=consent_given,
                vertical_id=vertical_id,
                lost_answer_timeout=lost_answer_timeout,
                **cleaning,
            )

    def check_mapping(self, upload: AudienceUpload) -> bool:
        """
        Check the mapping of an upload against the account's own lists, as an upload does before it is sent.

        :param upload: The upload from :func:`~airflow_provider_iqm.audience.upload.prepare_upload`.
        :return: Whether the check was possible; with the classic API, it isn't.
        :raises ColumnMappingError: The account lacks a column, a data partner or a data format.
        """
        return self._drive(self._iqm.check_mapping(new_audience(upload, None, AudienceOptions())))
