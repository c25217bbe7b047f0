"""Uploads a query's result to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_iqm.audience.scratch import Scratch
from airflow_provider_iqm.audience.system_errors import system_errors
from airflow_provider_iqm.exceptions import AudienceFileError, QueryError
from airflow_provider_iqm.hooks.database import database_hook
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.operators.audience_upload import AudienceUploadOperator
from airflow_provider_iqm.wording import count_of, is_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_provider_iqm.audience.export import Export
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.hooks.query import Parameters
    from airflow_provider_iqm.lineage.source import Source

OnEmpty = Literal["fail", "skip"]


class SqlToMatchedAudienceOperator(AudienceUploadOperator):
    """
    Run a query, upload its rows to IQM as a matched audience, and return the new audience's id.

    The rows stream into a file that only Airflow's user may read, and that is gone when the upload is done or has
    failed; no worker but this one has to see it. Postgres writes the file itself, by ``COPY``. A query that fails on
    the way uploads nothing. The transaction is not committed.

    NULL is blank, dates and times are ISO 8601, decimals are exact, booleans ``true`` and ``false``; bytes are refused.
    A result of more than 5,000,000 rows or 1 GB is stopped at that point; one that is to be cleaned, at ten times that,
    since the cleaned list is what has to fit.

    :param sql: One query, or the name of an ``.sql`` file. (templated)
    :param conn_id: The connection to the database, of any type whose hook is a ``DbApiHook``. (templated)
    :param parameters: The values of the query's placeholders, in the style of the database's driver; also as JSON text.
        (templated)
    :param on_empty: Whether a query without any row is to ``fail`` the task, or to ``skip`` it.

    All other arguments are those of :class:`~airflow_provider_iqm.operators.audience_upload.AudienceUploadOperator`,
    but for those that say how a file is to be read.
    """

    template_fields: Sequence[str] = ("sql", "conn_id", "parameters", *AudienceUploadOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    may_be_none = AudienceUploadOperator.may_be_none | {"parameters"}
    template_fields_renderers = {  # noqa: RUF012 - Airflow's own form
        **AudienceUploadOperator.template_fields_renderers,
        "sql": "sql",
        "parameters": "json",
    }
    # No database promises an order that the query doesn't ask for.
    any_order = True

    def __init__(
        self,
        *,
        sql: str,
        conn_id: str,
        parameters: Parameters | str | None = None,
        on_empty: OnEmpty = "fail",
        **kwargs: Any,
    ) -> None:
        # The file is ours, so nobody else says how it is to be read.
        super().__init__(delimiter=",", encoding="utf-8", sheet=None, **kwargs)
        self.sql = sql
        self.conn_id = conn_id
        self.parameters = parameters
        self.on_empty = on_empty

    @contextmanager
    def prepared(self) -> Iterator[AudienceUpload]:
        """Run the query, and prepare its rows."""
        scratch = Scratch(self.scratch_dir)
        with closing(scratch):
            with (
                final_errors_fail_the_task(),
                system_errors(name="the query's result", folder=scratch.parent, only_resources=True),
            ):
                path = scratch.new_file(f"{self.task_id}.csv")
                export = self._extract(path)
            with self.prepare(path, export=export) as upload:
                yield upload

    def lineage_source(self, columns: Iterable[str]) -> Source:
        """Tell of the query's tables."""
        from airflow_provider_iqm.lineage.query_source import query_source

        return query_source(self.sql, self.conn_id, columns)

    def _extract(self, path: Path) -> Export:
        """Write the query's rows to a file."""
        # Parsing a Dag needs nothing of what runs the query and checks its rows.
        from airflow_provider_iqm.audience.mapping import check_columns
        from airflow_provider_iqm.audience.upload import check_arguments
        from airflow_provider_iqm.hooks.query import RESULT, ResultLimits, open_query

        self._check_query()
        cleaning, mapping = check_arguments(**self.list_arguments())
        limits = ResultLimits.before_cleaning() if cleaning.asked else ResultLimits()
        hook = database_hook(self.conn_id)
        with open_query(hook, self.sql, self._query_parameters()) as result:
            result.check_columns()
            check_columns(mapping.columns, result.columns, certain=True)
            # A list that is to be cleaned is read then anyway.
            export = result.write(path, limits, None if cleaning.asked else mapping.columns)
        self.log.info("The query on %s returned %s", self.conn_id, count_of(export.records, "row"))
        if export.records:
            return export
        message = f"{RESULT} is empty: it has no row."
        if self.on_empty == "skip":
            raise AirflowSkipException(message)
        raise AudienceFileError(f'{message} Check the query, or have an empty result skip the task: on_empty="skip".')

    def _check_query(self) -> None:
        if self.on_empty not in get_args(OnEmpty):
            raise QueryError(f'on_empty is {self.on_empty!r}. It must be "fail" or "skip".')
        if not isinstance(self.sql, str) or not self.sql.strip():
            raise QueryError("sql must be the text of one query.")
        if not is_unicode(self.sql):
            raise QueryError(
                "sql isn't valid Unicode: it has half of a surrogate pair. Correct it where it comes from."
            )
        if "\0" in self.sql:
            raise QueryError("sql has a NUL character. Remove it where it comes from.")
        self._query_parameters()

    def _query_parameters(self) -> Parameters | None:
        """Return the parameters, read from text if they are text, such as a template makes of a list."""
        from airflow_provider_iqm.audience.json_text import parse_json_text

        expected = "parameters must be a mapping or a list, as the query's placeholders are, or one of these as JSON"
        parameters: object = self.parameters
        if isinstance(parameters, str):
            try:
                parameters = parse_json_text(parameters)
            except ValueError as reason:
                raise QueryError(f"{expected}, but the text is no JSON: {reason}.") from None
        if parameters is None or isinstance(parameters, dict | list | tuple):
            return parameters
        if isinstance(parameters, Mapping | Sequence) and not isinstance(parameters, str | bytes):
            return parameters
        raise QueryError(f"{expected}, but it is of the type {type(parameters).__name__}.")
