"""The upload of audiences: never sent twice blindly, and found again where its answer was lost."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from airflow_provider_iqm.api.audience import AudienceOptions, NewAudience
from airflow_provider_iqm.api.own_upload import find_own_upload, is_own_upload, name_with_token
from airflow_provider_iqm.audience.scratch import Scratch
from airflow_provider_iqm.audience.system_errors import system_errors
from airflow_provider_iqm.exceptions import (
    IQMError,
    IQMInvalidAnswerError,
    IQMServerError,
    IQMTransportError,
    UploadOutcomeUnknownError,
)
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.http import IQMHttpHook
from airflow_provider_iqm.hooks.list_log import tell_of_list, telling_why
from airflow_provider_iqm.lineage.hook_lineage import report_audience, report_file

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.cleaning import CleaningOptions
    from airflow_provider_iqm.audience.upload import AudienceUpload

SECONDS_BETWEEN_LOOKS = 10.0
"""How long an upload whose answer was lost may take to show up in IQM's list, before it counts as not done."""


class IQMUploadHook(IQMHttpHook):
    """
    Uploads audiences.

    :param iqm_conn_id: The connection to IQM, of the type ``iqm``.
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
        :param cleaning: How to clean the list, the arguments of
            :class:`~airflow_provider_iqm.audience.cleaning.Cleaning`.
        :raises ReadingOptionError: where the file isn't what ``delimiter``, ``encoding`` or ``sheet`` say.
        :raises AudienceFileError: where the file can't be uploaded.
        :raises ColumnMappingError: where the mapping fits neither the file nor IQM.
        :raises IQMApiError: where IQM answers with an error.
        """
        # No sensor and no parsed Dag needs what checks and cleans a list.
        from airflow_provider_iqm.audience.upload import prepare_upload

        report_file(self, file_path)
        with final_errors_fail_the_task(), telling_why(self.log):
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
            return self.upload(upload, options=options)

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
        :param cleaning: How to clean the list, the arguments of
            :class:`~airflow_provider_iqm.audience.cleaning.Cleaning`. The CSV file is written to its ``scratch_dir``.
        :raises AudienceFileError: where a column has no name that is text, or values without a text, such as bytes.
        :raises ColumnMappingError: where the mapping fits neither the DataFrame nor IQM.
        :raises IQMApiError: where IQM answers with an error.
        """
        from airflow_provider_iqm.audience.dataframe import write_dataframe

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
                **cleaning,
            )

    def upload(
        self,
        upload: AudienceUpload,
        *,
        resume: bool = True,
        token: str | None = None,
        interrupted: bool = False,
        known_id: int | None = None,
        options: AudienceOptions | None = None,
    ) -> int:
        """
        Upload what :func:`~airflow_provider_iqm.audience.upload.prepare_upload` has checked; return the audience's id.

        The file is streamed. Where the answer is lost, the hook looks twice for the audience, and takes it if it is
        there; only if it is not, the upload is sent a second time.

        :param upload: The audience, its file and its mapping.
        :param resume: Whether to look for the audience of an interrupted upload at all.
        :param token: What proves that an audience is from this upload: the same at each try. Without it, only this
            call finds its own upload again.
        :param interrupted: Whether an earlier try may have sent the upload already, so that it is looked for first.
        :param known_id: The audience that an earlier try is known to have created; it is taken if it is still there.
        :param options: What only some accounts need.
        :raises AudienceOptionError: where the connection's version of the API doesn't know one of the options.
        :raises UploadOutcomeUnknownError: where IQM may have created the audience or not, and no later try could tell.
        :raises DoubledAudienceError: where IQM has the audience twice.
        """
        options = options or AudienceOptions()
        with final_errors_fail_the_task():
            self._iqm.check(options)
        mark = (token or secrets.token_hex(8)) if resume else None
        self._tell(upload)
        audience_id = self._made_before(upload, mark, interrupted=interrupted, known_id=known_id)
        if not audience_id:
            audience_id = self._send_new(upload, mark, options, later_try_can_tell=bool(token))
        report_audience(self, upload.name, audience_id)
        return audience_id

    def _made_before(
        self, upload: AudienceUpload, mark: str | None, *, interrupted: bool, known_id: int | None
    ) -> int | None:
        """Return the audience that an earlier try of this upload has created."""
        if mark and known_id and self._drive(is_own_upload(self._iqm, known_id, mark)):
            self.log.info('IQM has audience %s "%s" from an earlier try; taking it', known_id, upload.name)
            return known_id
        return self._find_own_upload(upload.name, mark) if mark and interrupted else None

    def _send_new(
        self, upload: AudienceUpload, mark: str | None, options: AudienceOptions, *, later_try_can_tell: bool
    ) -> int:
        """Send an upload, a second time only if the first one is known not to have made an audience."""
        for last in (False, True):
            # Whatever fails until here, nothing of the audience has been sent.
            call = self._drive(self._iqm.upload(_new_audience(upload, mark, options)))
            self._drive(self._iqm.login.token())
            try:
                audience_id = self._drive(self._iqm.login.call(call), upload)
            except (IQMServerError, IQMInvalidAnswerError, IQMTransportError) as error:
                if isinstance(error, IQMTransportError) and not error.sent:
                    raise
                self.log.warning("%s", error)
                if mark and (found := self._find_own_upload(upload.name, mark)):
                    return found
                if last or not mark:
                    self._give_up(upload, error, later_try_can_tell=later_try_can_tell)
            else:
                self.log.info('IQM created audience %s "%s"', audience_id, upload.name)
                return audience_id
        raise AssertionError("the second round returns or raises")

    def check_mapping(self, upload: AudienceUpload) -> bool:
        """
        Check the mapping of an upload against the account's own lists, as the upload does before it is sent.

        :param upload: What :func:`~airflow_provider_iqm.audience.upload.prepare_upload` has checked.
        :return: Whether they can tell; those of the classic API can't.
        :raises ColumnMappingError: where the account lacks a column, a data partner or a data format.
        """
        return self._drive(self._iqm.check_mapping(_new_audience(upload, None, AudienceOptions())))

    def _tell(self, upload: AudienceUpload) -> None:
        tell_of_list(self.log, upload)
        self.log.info(
            'Uploading matched audience "%s": %s, records: %s, bytes: %s, matched by %s',
            upload.name,
            upload.file.display_name,
            f"{upload.file.records:,}",
            upload.size_text,
            upload.mapping.kind.label,
        )

    def _find_own_upload(self, audience_name: str, token: str) -> int | None:
        """Look twice for the audience of this upload: how soon IQM lists a new one is not documented."""
        self.log.info('Looking whether IQM already has audience "%s" from this upload', audience_name)
        for wait in (0, SECONDS_BETWEEN_LOOKS):
            time.sleep(wait)
            found = self._drive(find_own_upload(self._iqm, audience_name, token))
            if found:
                self.log.info('IQM already has audience %s "%s" from this upload; taking it', found, audience_name)
                return found
        self.log.info('IQM has no audience "%s" from this upload', audience_name)
        return None

    def _give_up(self, upload: AudienceUpload, error: IQMError, *, later_try_can_tell: bool) -> NoReturn:
        if later_try_can_tell:
            raise error
        with final_errors_fail_the_task():
            raise UploadOutcomeUnknownError(
                f'The answer to the upload of "{upload.name}" was lost or no use, so IQM may have created the audience '
                f"or not: {error} The upload is not sent again, since it may cost money twice. Look for the audience "
                "in IQM; if it is not there, run the upload again.",
            ) from error


def _new_audience(upload: AudienceUpload, token: str | None, options: AudienceOptions) -> NewAudience:
    file, mapping = upload.file, upload.mapping
    return NewAudience(
        name=upload.name,
        columns=mapping.columns,
        settings=mapping.settings,
        key_fields=[field.value for field in mapping.kind.fields],
        single_column=mapping.kind.single_column,
        file_name=name_with_token(file.name, token) if token else file.name,
        media_type=file.media_type,
        file_bytes=file.size,
        file_columns=file.columns,
        samples=file.samples,
        records=file.records,
        options=options,
    )
