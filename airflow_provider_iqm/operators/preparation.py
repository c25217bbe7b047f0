"""The base class of the operators that prepare a list for IQM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_iqm.hooks.list_log import log_list_warnings
from airflow_provider_iqm.operators.base import IQMBaseOperator
from airflow_provider_iqm.operators.staging import stage_file
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_iqm.audience.cleaning.options import OnInvalidRecords, PhoneFormat
    from airflow_provider_iqm.audience.csv.database_export import Export
    from airflow_provider_iqm.audience.upload import AudienceUpload


class PreparationOperator(IQMBaseOperator):
    """
    Check a list and, if required, clean it.

    The list and the mapping are checked before any request is sent; invalid ones fail the task without a retry.
    Subclasses read the list from its source and define all arguments.
    """

    template_fields: Sequence[str] = (
        "audience_name",
        "columns",
        "column_settings",
        "phone_format",
        "hash_columns",
        "on_invalid_records",
        "quarantine_path",
        "suppression_path",
        "scratch_dir",
        "memory_limit",
    )
    template_fields_renderers = {"columns": "json", "column_settings": "json", "hash_columns": "json"}  # noqa: RUF012 - Airflow's own form
    template_ext: Sequence[str] = (".json",)
    template_files: ClassVar[Mapping[str, str]] = {
        "columns": ".json",
        "column_settings": ".json",
        "hash_columns": ".json",
    }

    may_be_none = frozenset(("column_settings", "delimiter", "encoding", "sheet", "on_invalid_records", "scratch_dir"))

    audience_name: str
    columns: Mapping[str, str] | str
    column_settings: Mapping[str, str] | str | None
    normalize: bool
    phone_format: PhoneFormat
    hash_columns: Mapping[str, str] | str | None
    on_invalid_records: OnInvalidRecords | None
    quarantine_path: str | Path | None
    max_invalid_ratio: float
    drop_duplicates: bool
    suppression_path: str | Path | None
    scratch_dir: str | Path | None
    memory_limit: str

    def _set_arguments(self, arguments: Mapping[str, Any]) -> None:
        """
        Set each argument of a constructor as an attribute of the same name, for Airflow to render.

        :param arguments: The constructor's ``locals()``.
        """
        for name, value in arguments.items():
            if name not in {"self", "kwargs", "__class__"}:
                setattr(self, name, value)

    @contextmanager
    def prepare_file(
        self,
        file_path: str | Path,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        limited: bool = True,
        export: Export | None = None,
        suppression_file: Path | None = None,
    ) -> Iterator[AudienceUpload]:
        """
        Check a file, and clean it if required. Temporary copies are deleted at the end of the ``with`` block.

        :param file_path: A path on the worker, or a URL of object storage.
        :param delimiter: The field delimiter of a CSV file.
        :param encoding: The encoding of a CSV file.
        :param sheet: The sheet of a workbook.
        :param limited: Whether IQM's limits of size and records apply; they don't to a list that will be split.
        :param export: The metadata of a list that was exported from a database.
        :param suppression_file: The suppression list, if :meth:`stage_suppression_list` has made it available already.
        :return: The list, ready to upload.
        """
        # Imported here to keep Dag parsing fast.
        from airflow_provider_iqm.audience.upload import prepare_upload

        with ExitStack() as stack:
            suppression_file = suppression_file or stack.enter_context(self.stage_suppression_list())
            with final_errors_fail_the_task(), log_list_warnings(self.log):
                upload = prepare_upload(
                    file_path=stack.enter_context(stage_file(file_path, scratch_dir=self.scratch_dir)),
                    delimiter=delimiter,
                    encoding=encoding,
                    sheet=sheet,
                    limited=limited,
                    export=export,
                    **self.list_arguments() | {"suppression_path": suppression_file},
                )
            yield stack.enter_context(upload)

    @contextmanager
    def stage_suppression_list(self) -> Iterator[Path | None]:
        """
        Make the suppression list available on the worker; None if there is none.

        :raises AudienceFileError: There is no such file, or it can't be read.
        """
        if self.suppression_path is None:
            yield None
            return
        from airflow_provider_iqm.audience.cleaning.suppression.suppression_list import check_suppression_file

        with ExitStack() as stack:
            with final_errors_fail_the_task():
                path = stack.enter_context(stage_file(self.suppression_path, scratch_dir=self.scratch_dir))
                check_suppression_file(path)
            yield path

    def list_arguments(self) -> dict[str, Any]:
        """Return the arguments that don't depend on the source of the list: audience, mapping and cleaning."""
        return {
            "audience_name": self.audience_name,
            "columns": self.columns,
            "column_settings": self.column_settings,
            "normalize": self.normalize,
            "phone_format": self.phone_format,
            "hash_columns": self.hash_columns,
            "on_invalid_records": self.on_invalid_records,
            "quarantine_path": self.quarantine_path,
            "max_invalid_ratio": self.max_invalid_ratio,
            "drop_duplicates": self.drop_duplicates,
            "suppression_path": self.suppression_path,
            "scratch_dir": self.scratch_dir,
            "memory_limit": self.memory_limit,
        }
