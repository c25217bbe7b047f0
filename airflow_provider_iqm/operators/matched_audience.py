"""Uploads a file to IQM as a matched audience."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.lineage.hook_lineage import report_file
from airflow_provider_iqm.operators.audience_upload import AudienceUploadOperator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.lineage.source import Source


class MatchedAudienceUploadOperator(AudienceUploadOperator):
    """
    Check an audience file, upload it to IQM, and return the new audience's id.

    :param file_path: A CSV file, which may be gzip-compressed, or an XLSX file, of at most 1 GB and 5,000,000 records:
        a path on the worker, or a URL of object storage (``s3://conn_id@bucket/key``), which is copied to
        ``scratch_dir`` first. (templated)

    All other arguments are those of :class:`~airflow_provider_iqm.operators.audience_upload.AudienceUploadOperator`.
    """

    template_fields: Sequence[str] = ("file_path", *AudienceUploadOperator.template_fields)

    def __init__(self, *, file_path: str | Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_path = file_path

    def prepared(self) -> AbstractContextManager[AudienceUpload]:
        """Check the file, and clean it if that is asked for."""
        report_file(self.hook, self.file_path)
        return self.prepare(self.file_path)

    def lineage_source(self, columns: Iterable[str]) -> Source:
        """Tell of the file."""
        from airflow_provider_iqm.lineage.file_source import file_source

        return file_source(self.file_path, columns)
