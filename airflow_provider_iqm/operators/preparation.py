"""What every operator that prepares a list for IQM has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.cleaning import OnInvalidRecords, PhoneFormat
from airflow_provider_iqm.audience.duckdb_csv import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task
from airflow_provider_iqm.hooks.list_log import telling_why
from airflow_provider_iqm.operators.rendered_arguments import RenderedArguments
from airflow_provider_iqm.operators.staging import staged

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_iqm.audience.export import Export
    from airflow_provider_iqm.audience.upload import AudienceUpload


class PreparationOperator(RenderedArguments):
    """
    Check a list and, if that is asked for, clean it.

    The list and the mapping are checked before any request is sent; what is wrong with them fails the task without a
    retry, since a second try would meet with the same. The limits and the kinds of mapping are those of IQM's
    "Quickstart Guide: Matched Audience Upload". Without any of the arguments from ``normalize`` to
    ``drop_duplicates``, a plain file (commas, UTF-8; or a workbook's first sheet) goes out byte for byte.

    :param audience_name: The audience's name. (templated)
    :param columns: The mapping, file column → IQM field. A field is given by its system name
        (``Voters_FirstName``) or by the name that people see (``First Name``). Like the other mappings, it can be a
        JSON object as text, such as from a Variable, a Param or a template. (templated)
    :param column_settings: IQM field → data format (``{"Email": "SHA256"}``) or data partner
        (``{"Voters_ID": "LalVoterID"}``), where the mapping's kind needs one. (templated)
    :param delimiter: What stands between two values of a CSV file; without it, the comma, semicolon, tab or pipe under
        which the header has the mapped columns. (templated)
    :param encoding: A CSV file's encoding, by Python's name (``cp1252``); without it, that of its byte order mark, else
        UTF-8. (templated)
    :param sheet: A workbook's sheet; without it, the first. (templated)
    :param normalize: Write each mapped column's values in the form that is published for its field.
    :param phone_format: The form of a normalised phone: ``10-digit``, or ``E.164``.
    :param hash_columns: File column → ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512``: normalise and hash its values, and
        set its column setting. A column that is hashed already is passed on in lower case. (templated)
    :param on_invalid_records: Whether to ``drop`` records that can't match, or to ``fail``. A list that is cleaned for
        another reason drops them.
    :param quarantine_path: A file that receives the number, the column and the reason of each record left out as
        invalid, and none of its values. (templated)
    :param max_invalid_ratio: The share of invalid records, from 0 to 1, above which the task fails.
    :param drop_duplicates: Keep only the first of the records whose mapped, normalised values are all the same.
    :param memory_limit: How much memory the checking and cleaning of a file may use, such as ``256MiB``.
    :param scratch_dir: Where copies live until they are not needed any more; the system's temporary folder by
        default. (templated)
    """

    template_fields: Sequence[str] = (
        "audience_name",
        "columns",
        "column_settings",
        "delimiter",
        "encoding",
        "sheet",
        "hash_columns",
        "quarantine_path",
        "scratch_dir",
    )
    template_fields_renderers = {"columns": "json", "column_settings": "json", "hash_columns": "json"}  # noqa: RUF012 - Airflow's own form

    may_be_none = frozenset(("column_settings", "delimiter", "encoding", "sheet", "scratch_dir"))

    def __init__(
        self,
        *,
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
        scratch_dir: str | Path | None = None,
        memory_limit: str = DEFAULT_MEMORY_LIMIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.audience_name = audience_name
        self.columns = columns
        self.column_settings = column_settings
        self.delimiter = delimiter
        self.encoding = encoding
        self.sheet = sheet
        self.normalize = normalize
        self.phone_format = phone_format
        self.hash_columns = hash_columns
        self.on_invalid_records = on_invalid_records
        self.quarantine_path = quarantine_path
        self.max_invalid_ratio = max_invalid_ratio
        self.drop_duplicates = drop_duplicates
        self.scratch_dir = scratch_dir
        self.memory_limit = memory_limit

    @contextmanager
    def prepare(
        self, file_path: str | Path, *, limited: bool = True, export: Export | None = None
    ) -> Iterator[AudienceUpload]:
        """
        Check a file, and clean it if that is asked for; copies live as long as the context.

        :param file_path: The file: a path on the worker, or a URL of object storage.
        :param limited: Whether IQM's limits of size and records hold; not for a list that is to be split.
        :param export: What is known of a list that a database has exported.
        :return: What is ready to go to IQM.
        """
        # Parsing a Dag needs nothing of what checks and cleans a list.
        from airflow_provider_iqm.audience.upload import prepare_upload

        with ExitStack() as stack:
            with final_errors_fail_the_task(), telling_why(self.log):
                upload = prepare_upload(
                    file_path=stack.enter_context(staged(file_path, scratch_dir=self.scratch_dir)),
                    delimiter=self.delimiter,
                    encoding=self.encoding,
                    sheet=self.sheet,
                    limited=limited,
                    export=export,
                    **self.list_arguments(),
                )
            yield stack.enter_context(upload)

    def list_arguments(self) -> dict[str, Any]:
        """Give the arguments that say what the list is to become, whatever it comes from."""
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
            "scratch_dir": self.scratch_dir,
            "memory_limit": self.memory_limit,
        }
