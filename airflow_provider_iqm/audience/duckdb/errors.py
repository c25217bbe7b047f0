"""Why DuckDB failed, without its message, which quotes the file."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.duckdb.csv_queries import MOST_COLUMNS
from airflow_provider_iqm.exceptions import CleaningOptionError
from airflow_provider_iqm.files.system_errors import disk_full_error, resource_error

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from airflow_provider_iqm.exceptions import IQMError

_NO_SPACE = {
    "No space left": errno.ENOSPC,
    "max_temp_directory_size": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
}
_NO_MEMORY = (
    "llocation failure",
    "bad_alloc",
    "bad allocation",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
)
_COLUMN_MIB = 1
"""How much memory DuckDB takes for each column, whatever is in it."""


def find_resource_error(
    error: duckdb.Error, *, name: str, scratch_dir: str | Path | None, memory_limit: str, columns: int, source: Path
) -> IQMError | None:
    """
    Make our error if DuckDB failed for lack of disk space or memory.

    It is to be raised when DuckDB's isn't being handled anymore, because that would be chained to it.

    :param error: DuckDB's error.
    :param name: The list's name.
    :param scratch_dir: Where it wrote to.
    :param memory_limit: How much memory it was allowed.
    :param columns: How many columns the list has.
    :param source: The list's file.
    :return: The error; ``None`` where DuckDB failed for another reason, and another reading of the file may help.
    """
    import duckdb

    message = str(error)
    for text, number in _NO_SPACE.items():
        if text in message:
            return disk_full_error(name, folder=scratch_dir, source=source, number=number)
    if any(text in message for text in _NO_MEMORY):
        return resource_error(name, "too little memory")
    if isinstance(error, duckdb.OutOfMemoryException):
        wide = f" A list of {columns:,} columns needs about {columns * _COLUMN_MIB:,} MiB."
        return CleaningOptionError(
            f"{name}: memory_limit ({memory_limit}) is too low for this list. Set memory_limit to more, or leave out "
            f"columns that aren't mapped.{wide if columns > MOST_COLUMNS else ''}"
        )
    return None
