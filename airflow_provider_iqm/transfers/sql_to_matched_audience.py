"""Uploads a query's result to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.providers.common.compat.sdk import AirflowSkipException, conf

from airflow_provider_iqm.api.polling.match_rate import OnLowMatchRate
from airflow_provider_iqm.audience.cleaning.options import OnInvalidRecords, PhoneFormat
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.databases.database import database_hook
from airflow_provider_iqm.exceptions import AudienceFileError, QueryError
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.hooks.upload_recovery import LOST_ANSWER_TIMEOUT
from airflow_provider_iqm.operators.upload.audience_upload import AudienceUploadOperator
from airflow_provider_iqm.operators.upload.unchanged import OnUnchanged
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.wording import count_of, is_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_iqm.audience.csv.database_export import Export
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.databases.query_result import Parameters
    from airflow_provider_iqm.lineage.source import LineageSource

OnEmpty = Literal["fail", "skip"]


class SqlToMatchedAudienceOperator(AudienceUploadOperator):
    """
    Run a query, upload its rows to IQM as a matched audience, and return the new audience's id.

    The rows are streamed to a temporary file on this worker. Only Airflow's user can read it, and it is deleted when
    the task ends. Postgres exports the rows with ``COPY``. If the query fails, nothing is uploaded. The transaction
    isn't committed.

    NULL becomes a blank value, dates and times become ISO 8601, decimals keep their digits, and booleans become
    ``true`` and ``false``; bytes are rejected. A result of more than 5,000,000 rows or 1 GB fails the task. If the
    list is cleaned, the result can be ten times as large, since only the cleaned list must fit.

    :param sql: One query, or the name of an ``.sql`` file. (templated)
    :param conn_id: The connection to the database, of any type whose hook is a ``DbApiHook``. (templated)
    :param audience_name: The audience's name, at most 255 characters. (templated)
    :param columns: The mapping, file column → IQM field, by the field's system name (``Voters_FirstName``) or label
        (``First Name``). A mapping can also be a JSON object as text, such as from a Variable, a Param or a template,
        or the name of a ``.json`` file. (templated)
    :param column_settings: IQM field → data format (``{"Email": "SHA256"}``) or data partner (``{"Voters_ID":
        "LalVoterID"}``), if the mapping needs one. (templated)
    :param parameters: The values of the query's placeholders, in the style of the database driver: a mapping, a list,
        either of them as JSON text, or the name of a ``.json`` file. (templated)
    :param on_empty: Whether a query that returns no row should ``fail`` the task, or ``skip`` it. (templated)
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
        "sql",
        "conn_id",
        "parameters",
        "on_empty",
        *AudienceUploadOperator.template_fields,
    )
    template_fields_renderers = {  # noqa: RUF012 - Airflow's own form
        **AudienceUploadOperator.template_fields_renderers,
        "sql": "sql",
        "parameters": "json",
    }
    template_ext: Sequence[str] = (".sql", *AudienceUploadOperator.template_ext)
    template_files = {**AudienceUploadOperator.template_files, "sql": ".sql", "parameters": ".json"}  # noqa: RUF012
    may_be_none = AudienceUploadOperator.may_be_none | {"parameters"}
    # Without ORDER BY, a database can return the rows in any order.
    any_order = True

    sql: str
    conn_id: str
    parameters: Parameters | str | None
    on_empty: OnEmpty

    def __init__(
        self,
        *,
        sql: str,
        conn_id: str,
        audience_name: str,
        columns: Mapping[str, str] | str,
        column_settings: Mapping[str, str] | str | None = None,
        parameters: Parameters | str | None = None,
        on_empty: OnEmpty = "fail",
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

    @contextmanager
    def prepare_list(self) -> Iterator[AudienceUpload]:
        """Run the query, and check and clean its rows."""
        scratch = Scratch(self.scratch_dir)
        # Before the query, which can take an hour.
        with closing(scratch), self.stage_suppression_list() as suppression_file:
            with (
                final_errors_fail_the_task(),
                system_errors(name="the query's result", folder=scratch.parent, only_resources=True),
            ):
                path = scratch.new_file(f"{self.task_id}.csv")
                export = self._extract(path)
            with self.prepare_file(
                path, delimiter=",", encoding="utf-8", export=export, suppression_file=suppression_file
            ) as upload:
                yield upload

    def lineage_source(self, columns: Iterable[str]) -> LineageSource:
        """Return the query's tables as the source of the lineage."""
        from airflow_provider_iqm.lineage.query_source import query_source

        return query_source(self.sql, self.conn_id, columns)

    def _extract(self, path: Path) -> Export:
        """Write the query's rows to a file."""
        # Imported here to keep Dag parsing fast.
        from airflow_provider_iqm.audience.mapping.column_mapping import check_columns
        from airflow_provider_iqm.audience.upload import check_arguments
        from airflow_provider_iqm.databases.query import open_query
        from airflow_provider_iqm.databases.query_result import RESULT, ResultLimits

        self._check_query()
        cleaning, mapping = check_arguments(**self.list_arguments())
        limits = ResultLimits.before_cleaning() if cleaning.asked else ResultLimits()
        hook = database_hook(self.conn_id)
        with open_query(hook, self.sql, self._query_parameters()) as result:
            result.check_columns()
            check_columns(mapping.columns, result.columns, certain=True)
            # Cleaning reads the list again and checks the columns itself.
            export = result.write(path, limits, None if cleaning.asked else mapping.columns)
        self.log.info("The query on %s returned %s", self.conn_id, count_of(export.records, "row"))
        if export.records:
            return export
        message = f"{RESULT} is empty: it has no rows."
        if self.on_empty == "skip":
            raise AirflowSkipException(f"{message} Skipping the upload.")
        raise AudienceFileError(f'{message} Check the query, or set on_empty="skip" to skip the task instead.')

    def _check_query(self) -> None:
        if self.on_empty not in get_args(OnEmpty):
            raise QueryError(f'on_empty is {self.on_empty!r}. It must be "fail" or "skip".')
        if not isinstance(self.sql, str) or not self.sql.strip():
            raise QueryError("sql must be the text of one query.")
        if not is_unicode(self.sql):
            raise QueryError("sql isn't valid Unicode: it contains an unpaired surrogate. Correct the query.")
        if "\0" in self.sql:
            raise QueryError("sql contains a NUL character. Remove it from the query.")
        self._query_parameters()

    def _query_parameters(self) -> Parameters | None:
        """Return the parameters, parsed if they are text, such as a list that a template rendered."""
        from airflow_provider_iqm.audience.mapping.json_text import parse_json_text

        expected = "parameters must be a mapping or a list, depending on the query's placeholders, or JSON text of one"
        parameters: object = self.parameters
        if isinstance(parameters, str):
            try:
                parameters = parse_json_text(parameters)
            except ValueError as reason:
                raise QueryError(f"{expected}, but the text isn't JSON: {reason}.") from None
        if parameters is None or isinstance(parameters, dict | list | tuple):
            return parameters
        if isinstance(parameters, Mapping | Sequence) and not isinstance(parameters, str | bytes):
            return parameters
        raise QueryError(f"{expected}, not {type(parameters).__name__}.")
