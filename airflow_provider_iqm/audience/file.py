"""An audience file: checked before anything is sent."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents
from airflow_provider_iqm.audience.csv.exact_reader import read_exactly, read_records
from airflow_provider_iqm.audience.csv.fast_reader import read_fast
from airflow_provider_iqm.audience.damage.damage import Damage, header_damage
from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.xlsx.workbook import read_workbook
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.signature import HEAD_BYTES, check_signature
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS, METADATA_SAMPLE_RECORDS
from airflow_provider_iqm.wording import as_unicode, display_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_iqm.audience.csv.database_export import Export

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_MEDIA_TYPES = {".csv": CSV, ".xlsx": XLSX}

SMALL_FILE_BYTES = 2_000_000
"""Up to here, the exact reading is done before DuckDB has started."""


@dataclass(frozen=True)
class AudienceFile:
    """
    A file that is fit to be uploaded, and what IQM wants to know of it.

    :param path: Where it is.
    :param name: The name that IQM sees.
    :param media_type: ``text/csv``, or the media type of XLSX.
    :param size: Its size in bytes.
    :param mtime_ns: When it was last changed, in nanoseconds since 1970, so that a later change is noticed.
    :param columns: The header's names, as they stand in the file.
    :param records: The exact number of records: neither lines nor the header are counted.
    :param samples: Each column's values in the first three records, as they stand in the file.
    :param blank_columns: The columns that are blank in every record.
    :param damage: What its values and its header seem to have suffered.
    :param fingerprint: The fingerprint of its content, where that is known already.
    """

    path: Path
    name: str
    media_type: str
    size: int
    mtime_ns: int
    columns: tuple[str, ...]
    records: int
    samples: dict[str, tuple[str, ...]]
    blank_columns: frozenset[str]
    damage: tuple[Damage, ...] = ()
    fingerprint: str | None = None

    @property
    def display_name(self) -> str:
        """What messages call it."""
        return display_name(self.name)

    def __repr__(self) -> str:
        # Without the samples: they are personal data, and a repr ends up in logs.
        return f"<AudienceFile {self.name!r}, {self.records} records, {self.size} bytes>"


def inspect_file(
    path: str | Path,
    *,
    file_name: str | None = None,
    original_name: str | None = None,
    mapped: Mapping[str, str] | None = None,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    scratch_dir: str | Path | None = None,
    limited: bool = True,
    export: Export | None = None,
    damage: Sequence[Damage] = (),
) -> AudienceFile:
    """
    Check a file that is to go out as it is, and count its records and their damage.

    What a file must be is in IQM's quickstart, "Before you begin" (CSV or XLSX, 1 GB, 5,000,000 records), and in
    RFC 4180. A CSV file is UTF-8, separated by commas; its lines end with LF, CRLF or CR.

    :param path: The file.
    :param file_name: The name that IQM is to see; without it, the path's last part.
    :param original_name: What messages call it, where that is another name.
    :param mapped: File column → IQM field, of the columns whose values are looked over for damage.
    :param memory_limit: How much memory the reading of a large CSV file or a workbook may use, such as ``256MiB``.
    :param scratch_dir: Where the texts of a large workbook are kept while it is read; without it, the system's
        temporary folder.
    :param limited: Whether IQM's limits of size and records hold; not for a list that is to be split.
    :param export: What is known of a list that a database has exported, by the same ``mapped``.
    :param damage: What the list has suffered that shows no more in the file.
    :raises AudienceFileError: The file can't be uploaded as it is. The message says why and where, and
        holds no value of the file.
    """
    path = Path(path)
    file_name = file_name or as_unicode(path.name)
    name = original_name or display_name(path.name)
    media_type = _MEDIA_TYPES.get(Path(file_name).suffix.lower())
    if media_type is None:
        raise AudienceFileError(
            f"{name}: IQM takes CSV and XLSX files, and tells them by their names. "
            "Give a file whose name ends in .csv or .xlsx."
        )
    size = check_regular(path, name=name)
    if limited:
        check_limits(name, size=size)
    check_signature(read_head(path, name=name), name=name, workbook=media_type == XLSX)
    status = path.stat()
    if media_type == XLSX:
        contents = read_workbook(path, name=name, mapped=mapped, memory_limit=memory_limit, scratch_dir=scratch_dir)
    else:
        known = export.contents if export else None
        contents = _read_csv(
            path, name=name, size=status.st_size, mapped=mapped, memory_limit=memory_limit, known=known
        )
    if limited:
        check_limits(name, size=status.st_size, records=contents.records)
    return AudienceFile(
        path=path,
        name=file_name,
        media_type=media_type,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        columns=contents.columns,
        records=contents.records,
        samples={
            column: tuple(record[position] for record in contents.first_records)
            for position, column in enumerate(contents.columns)
        },
        blank_columns=frozenset(contents.columns[position] for position in contents.blank_columns),
        damage=(*header_damage(contents.columns), *damage, *contents.damage),
        fingerprint=export.fingerprint if export else None,
    )


def cleaned_file(
    path: Path, *, name: str, records: int, columns: tuple[str, ...], damage: tuple[Damage, ...]
) -> AudienceFile:
    """
    Describe a cleaned copy, of which all but its first records is known.

    :param path: The copy.
    :param name: The name that IQM is to see.
    :param records: How many records it has.
    :param columns: Its columns.
    :param damage: What its list seems to have suffered.
    """
    status = path.stat()
    first = [record for _, record in islice(read_records(path, name=name), 1, METADATA_SAMPLE_RECORDS + 1)]
    return AudienceFile(
        path=path,
        name=name,
        media_type=CSV,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        columns=columns,
        records=records,
        samples={column: tuple(record[position] for record in first) for position, column in enumerate(columns)},
        blank_columns=frozenset(),
        damage=damage,
    )


def check_limits(name: str, *, size: int, records: int = 0) -> None:
    """
    Check a file against IQM's limits.

    :param name: The file's name, for the message.
    :param size: Its size in bytes.
    :param records: How many records it has, where that is known.
    :raises AudienceFileError: It is too large.
    """
    if size > MAX_FILE_BYTES:
        raise AudienceFileError(
            f"{name}: the file has {size:,} bytes, but IQM takes at most {MAX_FILE_BYTES:,} (1 GB). "
            "Split the list with PrepareAudienceFileOperator, or leave out columns that aren't mapped."
        )
    if records > MAX_RECORDS:
        raise AudienceFileError(
            f"{name}: the file has {records:,} records, but IQM takes at most {MAX_RECORDS:,} in one file. "
            "Split the list with PrepareAudienceFileOperator."
        )


def check_regular(path: Path, *, name: str) -> int:
    """
    Check that there is a file, and that it isn't empty.

    :param path: The file.
    :param name: The file's name, for messages.
    :return: Its size in bytes.
    :raises AudienceFileError: There is none.
    """
    status, allowed = None, True
    try:
        status = path.stat()
    except PermissionError:
        allowed = False
    except (OSError, ValueError):
        # No such file, or a path that no file can have: one that is too long, or has a NUL.
        pass
    if not allowed:
        raise _unreadable(path, name=name)
    if status is None:
        raise AudienceFileError(
            f"{name}: there is no file {str(path)!r}. Check the path, and that it is on this worker."
        )
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise AudienceFileError(f"{name}: {str(path)!r} is {kind}. Give the path of one file.")
    if not status.st_size:
        raise AudienceFileError(f"{name}: the file is empty. Check the query or export that made it.")
    return status.st_size


def read_head(path: Path, *, name: str) -> bytes:
    """
    Read the first bytes of a file.

    :param path: The file.
    :param name: The file's name, for messages.
    :raises AudienceFileError: Airflow's user may not read it.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(HEAD_BYTES)
    except PermissionError:
        pass
    raise _unreadable(path, name=name)


def _unreadable(path: Path, *, name: str) -> AudienceFileError:
    return AudienceFileError(f"{name}: Airflow's user may not read {str(path)!r}. Change the file's permissions.")


def _read_csv(
    path: Path, *, name: str, size: int, mapped: Mapping[str, str] | None, memory_limit: str, known: Contents | None
) -> Contents:
    contents = None
    if size > SMALL_FILE_BYTES:
        contents = known or read_fast(path, name=name, memory_limit=memory_limit, mapped=mapped)
    return contents or read_exactly(path, name=name, mapped=mapped)
