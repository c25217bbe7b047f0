"""Cleans a list and splits it into parts that IQM accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.cleaning.options import OnInvalidRecords, PhoneFormat
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.hooks.list_log import log_list_findings
from airflow_provider_iqm.lineage.openlineage import PreparationLineage
from airflow_provider_iqm.lineage.output import LineageOutput
from airflow_provider_iqm.operators.part_folder import write_parts
from airflow_provider_iqm.operators.preparation import PreparationOperator
from airflow_provider_iqm.operators.staging import storage_path
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_iqm.audience.split import Part
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.lineage.source import LineageSource


class PrepareAudienceFileOperator(PreparationOperator, PreparationLineage):
    """
    Clean a list if required, split it into parts that IQM accepts, and return the arguments of their uploads.

    Returns one dict per part with the arguments ``file_path``, ``audience_name``, ``columns`` and ``column_settings``:
    ``MatchedAudienceUploadOperator.partial(task_id="upload").expand_kwargs(prepare.output)``. If there are several
    parts, their audiences are named ``… (2 of 3)``. The task pushes ``report`` to XCom: the counts of the cleaning,
    and ``parts``, the number of records in each part.

    The parts stay in ``output_dir`` until you delete them. A later run for the same file name overwrites them, so
    runs that can overlap need separate folders.

    :param file_path: A CSV or XLSX file of any size: a path on the worker, or a URL of object storage. (templated)
    :param output_dir: The folder for the parts, as the workers of the uploads see it: a path, or a URL of object
        storage such as ``s3://conn_id@bucket/prefix``. (templated)
    :param max_records: The maximum number of records in a part.
    :param max_bytes: The maximum size of a part, in bytes.
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
    """

    template_fields: Sequence[str] = (
        "file_path",
        "output_dir",
        "delimiter",
        "encoding",
        "sheet",
        *PreparationOperator.template_fields,
    )
    ui_color = "#e4f0d4"

    file_path: str | Path
    output_dir: str | Path
    max_records: int
    max_bytes: int
    delimiter: str | None
    encoding: str | None
    sheet: str | None

    def __init__(
        self,
        *,
        file_path: str | Path,
        output_dir: str | Path,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_FILE_BYTES,
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_arguments(locals())

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Write the parts, and return the arguments of their uploads."""
        from airflow_provider_iqm.audience.split import Limits, split_list

        with final_errors_fail_the_task():
            self.check_rendered_arguments()
            limits = Limits(records=self.max_records, bytes=self.max_bytes)
        with (
            self.prepare_file(
                self.file_path, delimiter=self.delimiter, encoding=self.encoding, sheet=self.sheet, limited=False
            ) as upload,
            final_errors_fail_the_task(),
            Scratch(self.scratch_dir) as scratch,
        ):
            log_list_findings(self.log, upload)
            parts = split_list(upload, limits=limits, scratch=scratch, memory_limit=self.memory_limit)
            list_name = storage_path(self.file_path).name
            paths = write_parts([part.path for part in parts], self.output_dir, list_name=list_name)
        self.lineage_outputs = [
            LineageOutput(name=path, records=part.records) for path, part in zip(paths, parts, strict=True)
        ]
        self._report(context, upload, parts)
        return [
            {
                "file_path": path,
                "audience_name": _part_name(upload.name, number, len(paths)),
                "columns": upload.mapping.columns,
                "column_settings": upload.mapping.settings,
            }
            for number, path in enumerate(paths, start=1)
        ]

    def lineage_source(self, columns: Iterable[str]) -> LineageSource:
        """Return the file as the source of the lineage."""
        from airflow_provider_iqm.lineage.file_source import file_source

        return file_source(self.file_path, columns)

    def _report(self, context: Context, upload: AudienceUpload, parts: list[Part]) -> None:
        """Log and push the number of records in each part."""
        records = [part.records for part in parts]
        written = count_of(sum(records), "record")
        if len(records) > 1:
            written += f" in {len(records)} parts ({', '.join(f'{number:,}' for number in records)})"
        self.log.info('Prepared audience "%s": wrote %s to %s', upload.name, written, self.output_dir)
        if self.do_xcom_push:
            counts = upload.report.counts() if upload.report else {}
            context["ti"].xcom_push(key="report", value={**counts, "parts": records})


def _part_name(name: str, number: int, total: int) -> str:
    return name if total == 1 else f"{name} ({number} of {total})"
