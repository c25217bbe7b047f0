"""What is inside an audience file, whatever its format, and what its header must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.damage import Damage, DamageCounter, checks_for, found_damage, looks_like_data
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Contents:
    """
    What one reading of a file's records tells.

    :param columns: The header's names, as they stand.
    :param records: The number of records, without the header.
    :param first_records: The first records' values, as they stand; as many as IQM is shown.
    :param blank_columns: The positions, from 0, of the columns that are blank in every record.
    :param damage: What was seen in the mapped columns' values.
    """

    columns: tuple[str, ...]
    records: int
    first_records: tuple[tuple[str, ...], ...]
    blank_columns: frozenset[int]
    damage: tuple[Damage, ...] = ()


def count_contents(
    columns: tuple[str, ...], records: Iterable[Sequence[str]], mapped: Mapping[str, str] | None
) -> Contents:
    """
    Take in the records of a file, one by one.

    :param columns: The header.
    :param records: The records, each as wide as the header.
    :param mapped: File column → IQM field, of the columns whose values are looked over for damage.
    """
    count, blank = 0, set(range(len(columns)))
    first: list[tuple[str, ...]] = []
    damage = DamageCounter(checks_for(columns, mapped))
    for record in records:
        count += 1
        damage.add(record)
        if count <= METADATA_SAMPLE_RECORDS:
            first.append(tuple(record))
        if blank:
            blank = still_blank(blank, record)
    return Contents(columns, count, tuple(first), frozenset(blank), found_damage(damage.checks, damage.counts()))


def is_blank(value: str) -> bool:
    """Whether a value is empty or nothing but white space."""
    return not value or value.isspace()


def still_blank(columns: Iterable[int], record: Sequence[str]) -> set[int]:
    """Which of ``columns``, by position, this record leaves blank too."""
    return {column for column in columns if is_blank(record[column])}


def blank_throughout(width: int, records: Iterable[Sequence[str]]) -> set[int]:
    """
    Which columns, by position, all of these records leave blank.

    :param width: How many columns there are.
    :param records: The records.
    """
    blank = set(range(width))
    for record in records:
        blank = still_blank(blank, record)
    return blank


def check_header(columns: Sequence[str], *, name: str, line: int, unit: str = "line") -> None:
    """
    Check that every column can be told by its name.

    :param columns: The header's names.
    :param name: The file's name, for the message.
    :param line: The line, or the row, of the header.
    :param unit: What that is called.
    :raises AudienceFileError: A name is blank, or stands twice.
    """
    positions: dict[str, int] = {}
    for position, column in enumerate(columns, start=1):
        if is_blank(column):
            raise AudienceFileError(
                f"{name}: column {position} of {len(columns)} has no name in the header ({unit} {line}). "
                "Give every column a name.",
                line=line,
            )
        if column in positions:
            # A header that is data may have the same value twice; it must not be shown.
            what = "a value" if any(map(looks_like_data, columns)) else f"the name {column!r}"
            raise AudienceFileError(
                f"{name}: the header ({unit} {line}) has {what} twice, in columns "
                f"{positions[column]} and {position}. Give every column a name of its own.",
                line=line,
            )
        positions[column] = position
