"""The opening and the reading of a list, as an upload does both."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_iqm.audience.formats.open_list import open_list
from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
from airflow_provider_iqm.audience.list_reader import read_list
from airflow_provider_iqm.audience.prepared_list import PreparedList, check_limits
from airflow_provider_iqm.files.scratch import Scratch


def inspect_file(path: str | Path, **options) -> PreparedList:
    """Open and read a list that is uploaded as it is; CSV has commas."""
    path = Path(path)
    reading = ReadingOptions(delimiter=None if path.suffix.lower() == ".xlsx" else ",")
    with Scratch() as scratch:
        plain = open_list(path, columns=(), options=reading, scratch=scratch, cleaned=False)
        found = read_list(plain, **options)
    check_limits(plain.display_name, size=found.size, records=found.records)
    return found
