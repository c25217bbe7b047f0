"""The reading of a plain list: checked, counted and hashed in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.exact_reader import read_exactly
from airflow_provider_iqm.audience.csv.fast_reader import read_fast
from airflow_provider_iqm.audience.damage.damage import header_damage
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.formats.plain_list import XLSX
from airflow_provider_iqm.audience.prepared_list import PreparedList
from airflow_provider_iqm.audience.xlsx.workbook import read_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_iqm.audience.contents import Contents
    from airflow_provider_iqm.audience.csv.database_export import Export
    from airflow_provider_iqm.audience.formats.plain_list import PlainList

SMALL_FILE_BYTES = 2_000_000
"""Up to this size, the exact reader is done before NumPy is imported."""


def read_list(
    plain: PlainList,
    *,
    mapped: Mapping[str, str] | None = None,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    scratch_dir: str | Path | None = None,
    export: Export | None = None,
) -> PreparedList:
    """
    Check a list that is uploaded as it is, count its records and their damage, and hash its bytes.

    The rules for a file are in IQM's quickstart, "Before you begin", and in RFC 4180. Lines of a CSV file end with LF,
    CRLF or CR.

    :param plain: The opened list.
    :param mapped: File column → IQM field, of the columns whose values are checked for damage.
    :param memory_limit: Memory limit for reading a workbook, such as ``256MiB``.
    :param scratch_dir: Folder for the texts of a large workbook. Default: the system's temporary folder.
    :param export: What a database's export has found out about the list, by the same ``mapped``.
    :raises AudienceFileError: The file can't be uploaded. The message has the reason and the place, and no value of the
        file.
    """
    path, name = plain.path, plain.display_name
    if plain.media_type == XLSX:
        contents = read_workbook(path, name=name, mapped=mapped, memory_limit=memory_limit, scratch_dir=scratch_dir)
    elif plain.size <= SMALL_FILE_BYTES:
        contents = read_exactly(path, name=name, mapped=mapped)
    elif export and export.contents:
        contents = export.contents
    else:
        fast = read_fast(path, name=name, mapped=mapped)
        contents = fast or read_exactly(path, name=name, mapped=mapped)
    return _prepared(plain, contents, fingerprint=export.fingerprint if export else None)


def _prepared(plain: PlainList, contents: Contents, *, fingerprint: str | None) -> PreparedList:
    return PreparedList(
        path=plain.path,
        name=plain.name,
        media_type=plain.media_type,
        size=plain.size,
        mtime_ns=plain.mtime_ns,
        columns=contents.columns,
        records=contents.records,
        samples=contents.samples,
        blank_columns=frozenset(contents.columns[position] for position in contents.blank_columns),
        damage=(*header_damage(contents.columns), *plain.damage, *contents.damage),
        sha256=contents.sha256,
        fingerprint=fingerprint,
        made_by="conversion to plain CSV" if plain.is_converted else "",
        original_size=plain.original_size,
    )
