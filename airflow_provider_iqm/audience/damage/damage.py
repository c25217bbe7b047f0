"""
Counts damage by spreadsheets and wrong encodings, for warnings: the list is valid CSV, but its values are damaged.

The damage is detected with patterns, which DuckDB and Python share.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.header import count_identifying
from airflow_provider_iqm.audience.records.record_batch import ParsedRecords
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import Field
from airflow_provider_iqm.wording import count_of, display_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_iqm.audience.records.record_batch import RecordBatch


class DamageKind(StrEnum):
    """The kinds of damage, by their names in reports."""

    SCIENTIFIC = "scientific notation"
    LOST_ZEROS = "zip without its leading zeros"
    DATE = "date instead of an id"
    GARBLED = "text decoded in the wrong encoding"
    HEADER = "header that is data"
    EXCEL_ERROR = "Excel error"
    NO_RESULT = "formula without a value"


_WARNINGS = {
    DamageKind.SCIENTIFIC: (
        "{count} in column {column!r} in scientific notation (such as 4.41E+11): the last digits are lost. "
        "Export the column as text."
    ),
    DamageKind.LOST_ZEROS: (
        "{count} with 3 or 4 digits in column {column!r}, where most have 5: zips have lost their leading zeros. "
        "Export the column as text."
    ),
    DamageKind.DATE: (
        "{count} with a date in column {column!r}, which should have ids: a spreadsheet may have converted them. "
        "Export the column as text."
    ),
    DamageKind.GARBLED: (
        "{count} with text that was decoded in the wrong encoding (such as Ã© for é, or U+FFFD). "
        "Set the right encoding where the list is created."
    ),
    DamageKind.HEADER: (
        "{count} in the header resembling data (such as an email, a phone number, a date or a hash): the list may have "
        "no header. If so, add one."
    ),
    DamageKind.EXCEL_ERROR: (
        "{count} in column {column!r} lost to an Excel error (such as #N/A), counted as blank. "
        "Correct the formulas, or clear the cells."
    ),
    DamageKind.NO_RESULT: (
        "{count} in column {column!r} of formulas that were never calculated, counted as blank. "
        "Open the workbook in Excel, and save it."
    ),
}
_COUNTED = {DamageKind.GARBLED: "place", DamageKind.HEADER: "name"}


@dataclass(frozen=True)
class Damage:
    """
    One kind of damage in a column.

    :param kind: The kind.
    :param count: The number of damaged values, or places.
    :param column: The file's column; empty for the whole file.
    """

    kind: DamageKind
    count: int
    column: str = ""

    @property
    def label(self) -> str:
        """Its name in reports."""
        return f"{self.kind} ({display_name(self.column)})" if self.column else str(self.kind)

    def __str__(self) -> str:
        """Return the warning, which contains no values."""
        count = count_of(self.count, _COUNTED.get(self.kind, "value"))
        return _WARNINGS[self.kind].format(count=count, column=self.column)


@dataclass(frozen=True)
class Check:
    """
    A pattern to count in a column.

    :param kind: The kind of damage; None for intact values that the damage is compared with.
    :param fields: The IQM fields in which it is damage.
    :param lengths: The minimum and maximum length of matching values.
    :param marks: Texts of which a value must contain one; faster to check than the pattern.
    :param pattern: The pattern of a whole value, for ``re`` and for DuckDB; empty if any ASCII of that length matches.
    :param cheap: Whether counting is cheap.
    """

    kind: DamageKind | None
    fields: frozenset[Field]
    lengths: tuple[int, int]
    marks: tuple[str, ...] = ()
    pattern: str = ""
    cheap: bool = False

    def condition(self, value: str) -> str:
        """Return the SQL condition of a matching value."""
        guards = [f"strlen({value}) BETWEEN {self.lengths[0]} AND {self.lengths[1]}"]
        if self.marks:
            guards.append("(" + " OR ".join(f"contains({value}, '{mark}')" for mark in self.marks) + ")")
        matches = f"regexp_full_match({value}, '{self.pattern}')" if self.pattern else "true"
        return f"CASE WHEN {' AND '.join(guards)} THEN {matches} ELSE false END"

    def count(self, batch: RecordBatch, position: int) -> int:
        """Count matching values in Python, in the column at a position."""
        shortest, longest = self.lengths
        if self.marks and not any(batch.may_contain(position, mark) for mark in self.marks):
            return 0
        if not self.pattern:
            return batch.count(position, shortest=shortest, longest=longest)
        values = batch.values(position, shortest=shortest, longest=longest)
        return sum(1 for value in values if shortest <= len(value) <= longest and re.fullmatch(self.pattern, value))


_IDS = frozenset({Field.VOTER_ID, Field.NPI_ID})
_NUMBERS = _IDS | {Field.PHONE, Field.CELLPHONE, Field.LANDLINE}
_ZIPS = frozenset({Field.ZIP})
_MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WHOLE_ZIPS = (
    Check(None, _ZIPS, (5, 5), cheap=True),
    Check(None, _ZIPS, (7, 7), (".0",), "[0-9]{5}[.]0", cheap=True),
)

_CHECKS = (
    # Spreadsheets write a capital E, programming languages a small one.
    Check(DamageKind.SCIENTIFIC, _NUMBERS, (5, 24), ("E+",), " *[0-9]([.,][0-9]+)?E[+][0-9]+ *", cheap=True),
    Check(DamageKind.SCIENTIFIC, _NUMBERS, (5, 24), ("e+",), " *[0-9]([.,][0-9]+)?e[+][0-9]+ *"),
    # Java and JavaScript write no sign. Without a decimal mark, it could be an id.
    Check(DamageKind.SCIENTIFIC, _NUMBERS, (5, 24), (".", ","), " *[0-9][.,][0-9]+[Ee][0-9]+ *"),
    Check(
        DamageKind.DATE,
        _IDS,
        (5, 19),
        ("/", "-"),
        "[0-9]{1,2}/[0-9]{1,2}/([0-9]{2}|[0-9]{4})|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00)?)?|"
        f"[0-9]{{1,2}}-{_MONTH}(-[0-9]{{2}}|-[0-9]{{4}})?|{_MONTH}-[0-9]{{2}}",
    ),
    *_WHOLE_ZIPS,
    Check(DamageKind.LOST_ZEROS, _ZIPS, (3, 4), (), "[0-9]+", cheap=True),
    # Spreadsheets and pandas write numbers this way in a column with blanks.
    Check(DamageKind.LOST_ZEROS, _ZIPS, (5, 6), (".0",), "[0-9]{3,4}[.]0", cheap=True),
)


@dataclass(frozen=True)
class ColumnCheck:
    """
    A check of one of a file's columns.

    :param column: The column's name.
    :param position: Its position, from 0.
    :param check: The check.
    """

    column: str
    position: int
    check: Check

    def condition(self) -> str:
        """Return the SQL condition of a record with a matching value, in columns ``c0``, ``c1``, …."""
        return self.check.condition(f"c{self.position}")


def checks_for(columns: Sequence[str], mapped: Mapping[str, str] | None) -> list[ColumnCheck]:
    """
    Return the checks of a file's columns.

    :param columns: The header.
    :param mapped: File column → IQM field, by system name.
    """
    return [
        ColumnCheck(column, columns.index(column), check)
        for column, field in (mapped or {}).items()
        if column in columns
        for check in _CHECKS
        if field in check.fields
    ]


def worth_counting(checks: Sequence[ColumnCheck], head: Sequence[Sequence[str]]) -> list[ColumnCheck]:
    """
    Select the checks for a large file: the cheap ones, and those with matches in the first records.

    :param checks: All checks.
    :param head: The first records.
    """
    counter = DamageCounter(checks)
    counter.add(ParsedRecords(head))
    return [check for check, seen in zip(checks, counter.counts, strict=True) if seen or check.check.cheap]


class DamageCounter:
    """
    Counts damage in records.

    :param checks: The checks.
    """

    def __init__(self, checks: Sequence[ColumnCheck]) -> None:
        self.checks = checks
        self.counts = [0] * len(checks)

    def add(self, batch: RecordBatch) -> None:
        """
        Count the damage of some records.

        :param batch: The records.
        """
        for number, check in enumerate(self.checks):
            self.counts[number] += check.check.count(batch, check.position)

    @property
    def positions(self) -> set[int]:
        """The positions of checked columns."""
        return {check.position for check in self.checks}

    def found(self) -> tuple[Damage, ...]:
        """Return the damage."""
        return found_damage(self.checks, self.counts)


def found_damage(checks: Sequence[ColumnCheck], counts: Sequence[int]) -> tuple[Damage, ...]:
    """
    Return the damage that counts indicate.

    :param checks: The checks.
    :param counts: The number of matching values of each check.
    """
    found: Counter[tuple[str, DamageKind]] = Counter()
    whole_zips: Counter[str] = Counter()
    for check, count in zip(checks, counts, strict=True):
        if check.check.kind is None:
            whole_zips[check.column] += count
        else:
            found[check.column, check.check.kind] += count
    return tuple(
        Damage(kind, count, column)
        for (column, kind), count in found.items()
        if count and (kind is not DamageKind.LOST_ZEROS or whole_zips[column] > count)
    )


def header_damage(columns: Sequence[str]) -> tuple[Damage, ...]:
    """Return the damage of a header that looks like data."""
    count = count_identifying(columns)
    return (Damage(DamageKind.HEADER, count),) if count else ()


@contextmanager
def refused_with(damage: Sequence[Damage], *, name: str) -> Iterator[None]:
    """
    Add a list's damage to errors about the list in the ``with`` block, as warnings: it may be the cause.

    :param damage: The damage.
    :param name: The list's name.
    """
    try:
        yield
    except AudienceFileError as error:
        error.warnings = tuple(f"{name} has {item}" for item in damage)
        raise
