"""The operator of ``@task.iqm_upload``, which uploads what a function returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DecoratedOperator, ObjectStoragePath, determine_kwargs

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.lineage.hook_lineage import report_file
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.lineage.source import LineageSource
    from airflow_provider_iqm.operators.upload.deferred_search import SearchState

_ACCEPTED = (
    "Return a path, a pandas or Polars DataFrame, an Arrow table, or an iterator or list of records (dicts, or tuples "
    "of which the first one has the column names). To skip the upload instead, raise AirflowSkipException."
)
_NO_RECORDS = (str, bytes, bytearray, memoryview, Mapping, Set)
"""Iterables that can't be records in an order."""


class _IQMUploadDecoratedOperator(DecoratedOperator, MatchedAudienceUploadOperator):
    """
    Upload what a function returns as a matched audience, and return the audience's id.

    :param python_callable: The function. It is called again if the task is retried.
    :param op_args: Its positional arguments. (templated)
    :param op_kwargs: Its keyword arguments. (templated)
    :param kwargs: The arguments of
        :class:`~airflow_provider_iqm.operators.matched_audience.MatchedAudienceUploadOperator`, except ``file_path``.
    """

    # Other templates can use the function's arguments: {{ task.op_kwargs["state"] }}.
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in MatchedAudienceUploadOperator.template_fields if name != "file_path"),
    )
    template_fields_renderers = {  # noqa: RUF012 - Airflow's own form
        **DecoratedOperator.template_fields_renderers,
        **MatchedAudienceUploadOperator.template_fields_renderers,
    }
    may_be_anything = frozenset(DecoratedOperator.template_fields)
    custom_operator_name = "@task.iqm_upload"
    # A retry can return the records in another order.
    any_order = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if inspect.iscoroutinefunction(python_callable) or inspect.isasyncgenfunction(python_callable):
            name = _function_name(python_callable)
            raise TypeError(f"@task.iqm_upload doesn't support async functions. Define {name} without async.")
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            # Set when the function returns a path.
            file_path="",
            **kwargs,
        )
        self._function_kwargs: Mapping[str, Any] = {}

    def _execute(self, context: Context, *, searched: SearchState | None = None, in_turn: bool = False) -> int:
        self._function_kwargs = {**determine_kwargs(self.python_callable, self.op_args, context), **self.op_kwargs}
        return super()._execute(context, searched=searched, in_turn=in_turn)

    @contextmanager
    def prepare_list(self) -> Iterator[AudienceUpload]:
        """Call the function, and check and clean what it returns."""
        # Imported here to keep Dag parsing fast.
        from airflow_provider_iqm.audience.upload import check_arguments
        from airflow_provider_iqm.databases.query_result import ResultLimits

        with closing(Scratch(self.scratch_dir)) as scratch, self.stage_suppression_list() as suppression_file:
            with final_errors_fail_the_task():
                # Before the function, which can take an hour.
                cleaning, mapping = check_arguments(**self.list_arguments())
            result = self.python_callable(*self.op_args, **self._function_kwargs)
            if isinstance(result, str | Path | ObjectStoragePath) and result != "":
                self.file_path = path = str(result)
                report_file(self.hook, path)
                reading: dict[str, Any] = {"delimiter": self.delimiter, "encoding": self.encoding, "sheet": self.sheet}
            else:
                limits = ResultLimits.before_cleaning() if cleaning.asked else ResultLimits()
                path = self._write(result, scratch, mapping.columns, max_bytes=limits.file_bytes)
                reading = {"delimiter": ",", "encoding": "utf-8"}
            # A DataFrame can take much memory, and an upload much time.
            del result
            with self.prepare_file(path, **reading, suppression_file=suppression_file) as upload:
                yield upload

    def _write(self, result: object, scratch: Scratch, mapped: Mapping[str, str], *, max_bytes: int) -> str:
        """Write the function's result as CSV, and return the file's path."""
        from airflow_provider_iqm.audience.formats.dataframe import is_dataframe, write_dataframe
        from airflow_provider_iqm.audience.formats.python_records import write_python_records

        name = f"The result of {_function_name(self.python_callable)}"
        with (
            final_errors_fail_the_task(),
            system_errors(name=name, folder=scratch.parent, only_resources=True),
        ):
            path = scratch.new_file(f"{self.task_id}.csv")
            if is_dataframe(result):
                write_dataframe(result, path, name=name, max_bytes=max_bytes)
            elif isinstance(result, Iterable) and not isinstance(result, _NO_RECORDS):
                write_python_records(result, path, name=name, mapped=mapped, max_bytes=max_bytes)
            else:
                raise AudienceFileError(f"{name} is {_describe(result)}. {_ACCEPTED}")
        return str(path)

    def lineage_source(self, columns: Iterable[str]) -> LineageSource:
        """Return the file as the source of the lineage, if the function returned a path."""
        from airflow_provider_iqm.lineage.source import LineageSource

        return super().lineage_source(columns) if self.file_path else LineageSource()


def _function_name(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__name__', type(function).__name__)}()"


def _describe(result: object) -> str:
    if result is None:
        return "None"
    return "an empty string" if isinstance(result, str) else f"of type {type(result).__name__}"
