"""A list in plain form, which is what every later step works on: CSV in UTF-8 with commas, or a workbook."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_iqm.wording import as_unicode

if TYPE_CHECKING:
    from typing import Self

    from airflow_provider_iqm.audience.damage.damage import Damage

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

GZIP_SUFFIX = ".gz"


@dataclass(frozen=True, kw_only=True)
class PlainList:
    """
    An opened list: name, format, size and signature are checked, the content isn't.

    :param path: The original file, a link to it, or a converted copy.
    :param display_name: The original's name as messages show it.
    :param name: The file name that IQM sees.
    :param media_type: :data:`CSV` or :data:`XLSX`.
    :param size: Size in bytes.
    :param mtime_ns: When the file was last modified, in nanoseconds since 1970.
    :param original_size: Size of the original file in bytes.
    :param is_converted: Whether the file is a converted copy.
    :param damage: Damage to the original that can't be seen in the copy.
    """

    path: Path
    display_name: str
    name: str
    media_type: str
    size: int
    mtime_ns: int
    original_size: int
    is_converted: bool = False
    damage: tuple[Damage, ...] = field(default=(), repr=False)

    @property
    def csv_name(self) -> str:
        """The name of a CSV file made from this list."""
        return csv_name(self.name)

    def converted(self, path: Path, *, damage: tuple[Damage, ...] = ()) -> Self:
        """
        Describe a copy of this list in plain CSV.

        :param path: The copy, written completely.
        :param damage: Damage that can't be seen in the copy.
        """
        status = path.stat()
        return replace(
            self,
            path=path,
            name=self.csv_name,
            media_type=CSV,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            is_converted=True,
            damage=damage,
        )


def csv_name(name: str) -> str:
    """
    Give a file name the suffix ``.csv``.

    :param name: The name, which may also end in ``.gz``.
    """
    return str(Path(without_suffix(as_unicode(name), GZIP_SUFFIX)).with_suffix(".csv"))


def without_suffix(name: str, suffix: str) -> str:
    """
    Remove a suffix, in upper or lower case.

    :param name: The name.
    :param suffix: The suffix in lower case.
    """
    return name[: -len(suffix)] if name.lower().endswith(suffix) else name
