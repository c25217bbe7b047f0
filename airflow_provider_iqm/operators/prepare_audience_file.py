"""Cleans a list, splits it where it is too large for IQM, and describes the parts for uploads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.scratch import Scratch
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.list_log import tell_of_list
from airflow_provider_iqm.lineage.openlineage import Made, PreparationLineage
from airflow_provider_iqm.operators.part_folder import put_parts
from airflow_provider_iqm.operators.preparation import PreparationOperator
from airflow_provider_iqm.operators.staging import storage_path
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.audience.split import Part
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.lineage.source import Source


class PrepareAudienceFileOperator(PreparationOperator, PreparationLineage):
    """
    Clean a list if that is asked for, split it into parts that IQM takes, and return what uploads them.

    It returns a list of the arguments ``file_path``, ``audience_name``, ``columns`` and ``column_settings``, one entry
    a part: ``MatchedAudienceUploadOperator.partial(task_id="upload").expand_kwargs(prepare.output)``. Several parts are
    named ``… (2 of 3)``; a single one has the plain name. The task pushes ``report`` to XCom: counts, and ``parts``,
    the records of each part.

    The parts stay in ``output_dir`` until somebody removes them. A later run for the same file name puts its own in
    their place, so runs that may overlap need a folder each.

    :param file_path: A CSV or XLSX file of any size: a path on the worker, or a URL of object storage. (templated)
    :param output_dir: The folder for the parts, as the workers of the uploads see it: a path, or a URL of object
        storage such as ``s3://conn_id@bucket/prefix``. (templated)
    :param max_records: The most records that a part may have.
    :param max_bytes: The largest size of a part, in bytes.

    All other arguments are those of :class:`~airflow_provider_iqm.operators.preparation.PreparationOperator`:
    ``audience_name``, ``columns`` and ``column_settings``, and how to clean the list.
    """

    template_fields: Sequence[str] = ("file_path", "output_dir", *PreparationOperator.template_fields)
    ui_color = "#e4f0d4"

    def __init__(
        self,
        *,
        file_path: str | Path,
        output_dir: str | Path,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_FILE_BYTES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_path = file_path
        self.output_dir = output_dir
        self.max_records = max_records
        self.max_bytes = max_bytes

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Write the parts, and return the arguments of their uploads."""
        from airflow_provider_iqm.audience.split import Limits, split_list

        with final_errors_fail_the_task():
            self.check_rendered_arguments()
            limits = Limits(records=self.max_records, bytes=self.max_bytes)
        with (
            self.prepare(self.file_path, limited=False) as upload,
            final_errors_fail_the_task(),
            Scratch(self.scratch_dir) as scratch,
        ):
            tell_of_list(self.log, upload)
            parts = split_list(upload, limits=limits, scratch=scratch, memory_limit=self.memory_limit)
            list_name = storage_path(self.file_path).name
            paths = put_parts([part.path for part in parts], self.output_dir, list_name=list_name)
        self.made = [Made(name=path, records=part.records) for path, part in zip(paths, parts, strict=True)]
        self._tell(context, upload, parts)
        return [
            {
                "file_path": path,
                "audience_name": _part_name(upload.name, number, len(paths)),
                "columns": upload.mapping.columns,
                "column_settings": upload.mapping.settings,
            }
            for number, path in enumerate(paths, start=1)
        ]

    def lineage_source(self, columns: Iterable[str]) -> Source:
        """Tell of the file."""
        from airflow_provider_iqm.lineage.file_source import file_source

        return file_source(self.file_path, columns)

    def _tell(self, context: Context, upload: AudienceUpload, parts: list[Part]) -> None:
        records = [part.records for part in parts]
        if len(records) == 1:
            self.log.info('Prepared "%s": %s, in %s', upload.name, count_of(sum(records), "record"), self.output_dir)
        else:
            each = ", ".join(f"{number:,}" for number in records)
            text = 'Prepared "%s": %s records in %s parts (%s), in %s'
            self.log.info(text, upload.name, f"{sum(records):,}", len(records), each, self.output_dir)
        if self.do_xcom_push:
            counts = upload.report.counts() if upload.report else {}
            context["ti"].xcom_push(key="report", value={**counts, "parts": records})


def _part_name(name: str, number: int, total: int) -> str:
    return name if total == 1 else f"{name} ({number} of {total})"
