"""The upload of audiences from files and DataFrames."""

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
        Check a file, clean it if that is asked for, upload it as a matched audience, and return the audience's id.

        :param file_path: A CSV file, which may be gzip-compressed, or an XLSX file; at most 1 GB and 5,000,000 records.
        :param audience_name: The audience's name.
        :param columns: The mapping, file column → IQM field, by system name or label.
        :param column_settings: IQM field → data format or data partner, where the mapping's kind needs one. Both can be
            JSON objects as text.
        :param delimiter: What stands between two values; without it, the comma, semicolon, tab or pipe under which
            the header has the mapped columns.
        :param encoding: The text's encoding, by Python's name; without it, that of the byte order mark, else UTF-8.
        :param sheet: The workbook's sheet; without it, the first.
        :param audience_subtype: The audience's subtype in healthcare, such as ``hcp`` or ``patient`` (v3 only).
        :param consent_given: Whether the patients have given their consent (v3 only).
        :param vertical_id: The vertical, where the account has several (v3 only).
        :param lost_answer_timeout: Seconds for which to search IQM for the audience before the upload is sent a second
            time, if the answer to it was lost.
        :param cleaning: How to clean the list, the arguments of
            :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`.
        :raises ReadingOptionError: The file isn't what ``delimiter``, ``encoding`` or ``sheet`` say.
        :raises AudienceFileError: The file can't be uploaded.
        :raises ColumnMappingError: The mapping fits neither the file nor IQM.
        :raises IQMApiError: IQM returned an error.
        """
        # No sensor and no parsed Dag needs what checks and cleans a list.
        from airflow_provider_iqm.audience.upload import prepare_upload

        report_file(self, file_path)
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
        Write a DataFrame as CSV, a piece at a time, then do as :meth:`upload_matched_audience` does with a file.

        :param dataframe: A pandas DataFrame, whose index is left out, or an Arrow table, batch or stream; also whatever
            else has ``__arrow_c_stream__``, such as a Polars DataFrame or a DuckDB relation.
        :param audience_name: The audience's name.
        :param columns: The mapping, the DataFrame's column → IQM field, by system name or label.
        :param column_settings: IQM field → data format or data partner, where the mapping's kind needs one. Both can be
            JSON objects as text.
        :param audience_subtype: The audience's subtype in healthcare, such as ``hcp`` or ``patient`` (v3 only).
        :param consent_given: Whether the patients have given their consent (v3 only).
        :param vertical_id: The vertical, where the account has several (v3 only).
        :param lost_answer_timeout: Seconds for which to search IQM for the audience before the upload is sent a second
            time, if the answer to it was lost.
        :param cleaning: How to clean the list, the arguments of
            :class:`~airflow_provider_iqm.audience.cleaning.options.Cleaning`. The CSV file is written to its
            ``scratch_dir``.
        :raises AudienceFileError: A column has no name that is text, or values without a text, such as bytes.
        :raises ColumnMappingError: The mapping fits neither the DataFrame nor IQM.
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
        Check the mapping of an upload against the account's own lists, as the upload does before it is sent.

        :param upload: What :func:`~airflow_provider_iqm.audience.upload.prepare_upload` has checked.
        :return: Whether they can tell; those of the classic API can't.
        :raises ColumnMappingError: The account lacks a column, a data partner or a data format.
        """
        return self._drive(self._iqm.check_mapping(new_audience(upload, None, AudienceOptions())))
