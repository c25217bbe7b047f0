"""A list that is ready to be uploaded, and IQM's limits for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import MAX_FILE_BYTES, MAX_RECORDS
from airflow_provider_iqm.wording import display_name

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_iqm.audience.cleaning_report import CleaningReport
    from airflow_provider_iqm.audience.damage.damage import Damage


@dataclass(frozen=True, kw_only=True)
class PreparedList:
    """
    A checked file, and what IQM asks about it.

    :param path: The file.
    :param name: The file name that IQM sees.
    :param media_type: ``text/csv``, or the media type of XLSX.
    :param size: Size in bytes.
    :param mtime_ns: When the file was last modified, in nanoseconds since 1970; a later change fails the upload.
    :param columns: The header's names.
    :param records: Number of records, without the header.
    :param samples: Each column's values in the first three records.
    :param blank_columns: The columns that are blank in every record.
    :param damage: Damage found in the header and the values.
    :param sha256: SHA-256 of the file in hex. ``None`` if Python hasn't read its bytes: a copy that DuckDB wrote, or a
        database's export.
    :param fingerprint: Fingerprint of the records in any order, if it is known already.
    :param report: The counts of the cleaning, for a cleaned list.
    :param made_by: What made the copy, such as ``cleaning``; blank for the original file.
    :param original_size: Size of the original file in bytes.
    """

    path: Path
    name: str
    media_type: str
    size: int
    mtime_ns: int
    columns: tuple[str, ...]
    records: int
    samples: dict[str, tuple[str, ...]]
    blank_columns: frozenset[str] = frozenset()
    damage: tuple[Damage, ...] = ()
    sha256: str | None = None
    fingerprint: str | None = None
    report: CleaningReport | None = None
    made_by: str = ""
    original_size: int = 0

    @property
    def display_name(self) -> str:
        """The file name as messages show it."""
        return display_name(self.name)

    @property
    def size_text(self) -> str:
        """The size in bytes, and the original's if this is a copy."""
        size = f"{self.size:,}"
        return f"{size} after {self.made_by} ({self.original_size:,} before)" if self.made_by else size

    def __repr__(self) -> str:
        # Without columns and samples: they can be personal data, and a repr ends up in logs.
        return f"<PreparedList {self.name!r}, {self.records} records, {self.size} bytes>"


def check_limits(name: str, *, size: int, records: int = 0) -> None:
    """
    Check a list against IQM's limits.

    :param name: The list's name, for the message.
    :param size: Size of the file in bytes.
    :param records: Number of records, if known.
    :raises AudienceFileError: The file is too large.
    """
    if size > MAX_FILE_BYTES:
        raise AudienceFileError(
            f"{name}: the file has {size:,} bytes, but IQM allows at most {MAX_FILE_BYTES:,} (1 GB). "
            "Split the list with PrepareAudienceFileOperator, or remove columns that aren't mapped."
        )
    if records > MAX_RECORDS:
        raise AudienceFileError(
            f"{name}: the file has {records:,} records, but IQM allows at most {MAX_RECORDS:,} in one file. "
            "Split the list with PrepareAudienceFileOperator."
        )
