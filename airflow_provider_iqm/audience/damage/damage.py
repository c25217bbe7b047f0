"""
Damage that a list took before it came here, and that no rule of CSV forbids: counted, for a warning.

What spreadsheets and wrong encodings do to values is told by patterns; the same patterns serve DuckDB and Python.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.header import count_identifying
from airflow_provider_iqm.audience.records.record_batch import ReadRecords
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import Field
from airflow_provider_iqm.wording import count_of, display_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_iqm.audience.records.record_batch import RecordBatch


class DamageKind(StrEnum):
    """The kinds of damage that are told, by the names that a report uses."""

    SCIENTIFIC = "scientific notation"
    LOST_ZEROS = "zip without its leading zeros"
    DATE = "date in the place of an id"
    GARBLED = "text decoded in the wrong encoding"
    HEADER = "header that is data"
    EXCEL_ERROR = "Excel error"
    NO_RESULT = "formula without a value"


_WARNINGS = {
    DamageKind.SCIENTIFIC: (
        "{count} in the column {column!r} in scientific notation (such as 4.41E+11): the last digits are lost. "
        "Export the column as text."
    ),
    DamageKind.LOST_ZEROS: (
        "{count} of 3 or 4 digits in the column {column!r}, where most have 5: zips have lost their leading zeros. "
        "Export the column as text."
    ),
    DamageKind.DATE: (
        "{count} with a date in the column {column!r}, where ids should be: a spreadsheet may have made them of ids. "
        "Export the column as text."
    ),
    DamageKind.GARBLED: (
        "{count} of text that was decoded in the wrong encoding (such as Ã© for é, or U+FFFD). "
        "Name the right encoding where the list is made."
    ),
    DamageKind.HEADER: (
        "{count} in the header like data (such as an email, a phone number, a date or a hash): the list may have no "
        "header. If so, add one."
    ),
    DamageKind.EXCEL_ERROR: (
        "{count} in the column {column!r} lost to an Excel error (such as #N/A): counted as blank. "
        "Correct the formulas, or clear the cells."
    ),
    DamageKind.NO_RESULT: (
        "{count} in the column {column!r} of formulas that were never calculated: counted as blank. "
        "Open the workbook in Excel, and save it."
    ),
}
_COUNTED = {DamageKind.GARBLED: "place", DamageKind.HEADER: "name"}


@dataclass(frozen=True)
class Damage:
    """
    One kind of damage, how often it was seen, and in which column.

    :param kind: The kind.
    :param count: How many values, or places, have it.
    :param column: The file's column; blank where it is the whole file.
    """

    kind: DamageKind
    count: int
    column: str = ""

    @property
    def label(self) -> str:
        """What a report calls it."""
        return f"{self.kind} ({display_name(self.column)})" if self.column else str(self.kind)

    def __str__(self) -> str:
        """Write the warning, without any value."""
        count = count_of(self.count, _COUNTED.get(self.kind, "value"))
        return _WARNINGS[self.kind].format(count=count, column=self.column)


@dataclass(frozen=True)
class Check:
    """
    What to count in a column.

    :param kind: The kind of damage; ``None`` for what it is compared with.
    :param fields: The IQM fields in which it is damage.
    :param lengths: The shortest and the longest value to look at.
    :param marks: Texts of which a value must hold one, which is seen faster than a pattern.
    :param pattern: What a value must be, for ``re`` and for DuckDB; without it, the length says all.
    :param cheap: Whether it is counted at next to no cost.
    """

    kind: DamageKind | None
    fields: frozenset[Field]
    lengths: tuple[int, int]
    marks: tuple[str, ...] = ()
    pattern: str = ""
    cheap: bool = False

    def condition(self, value: str) -> str:
        """Build the SQL condition of a value that has it."""
        guards = [f"strlen({value}) BETWEEN {self.lengths[0]} AND {self.lengths[1]}"]
        if self.marks:
            guards.append("(" + " OR ".join(f"contains({value}, '{mark}')" for mark in self.marks) + ")")
        matches = f"regexp_full_match({value}, '{self.pattern}')" if self.pattern else "true"
        return f"CASE WHEN {' AND '.join(guards)} THEN {matches} ELSE false END"

    def marked(self, text: str) -> bool:
        """Whether a text with many values may hold one that has it."""
        # Where a mark's last character is nowhere, which is seen far faster, neither is the mark.
        return not self.marks or any(mark[-1] in text and mark in text for mark in self.marks)

    def count(self, values: Sequence[str]) -> int:
        """Count it in Python."""
        shortest, longest = self.lengths
        fitting = [value for value in values if shortest <= len(value) <= longest]
        return sum(1 for value in fitting if re.fullmatch(self.pattern, value)) if self.pattern else len(fitting)


_IDS = frozenset({Field.VOTER_ID, Field.NPI_ID})
_NUMBERS = _IDS | {Field.PHONE, Field.CELLPHONE, Field.LANDLINE}
_ZIPS = frozenset({Field.ZIP})
_MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WHOLE_ZIPS = (
    Check(None, _ZIPS, (5, 5), cheap=True),
    Check(None, _ZIPS, (7, 7), (".0",), "[0-9]{5}[.]0", cheap=True),
)

_CHECKS = (
    # With the capital E of spreadsheets; programming languages write a small one.
    Check(DamageKind.SCIENTIFIC, _NUMBERS, (5, 24), ("E+",), " *[0-9]([.,][0-9]+)?E[+][0-9]+ *", cheap=True),
    Check(DamageKind.SCIENTIFIC, _NUMBERS, (5, 24), ("e+",), " *[0-9]([.,][0-9]+)?e[+][0-9]+ *"),
    # Java and JavaScript write no sign. Without a decimal mark, it may as well be an id.
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
    # As spreadsheets and pandas write a number in a column with blanks.
    Check(DamageKind.LOST_ZEROS, _ZIPS, (5, 6), (".0",), "[0-9]{3,4}[.]0", cheap=True),
)


@dataclass(frozen=True)
class ColumnCheck:
    """
    A check of one of a file's columns.

    :param column: The column's name.
    :param position: Its position, from 0.
    :param check: What to count.
    """

    column: str
    position: int
    check: Check

    def condition(self) -> str:
        """Build the SQL condition of a record that has it, in columns ``c0``, ``c1``, …."""
        return self.check.condition(f"c{self.position}")

    def sql(self) -> str:
        """Build the SQL aggregate that counts it."""
        return f"count(*) FILTER (WHERE {self.condition()})"


def checks_for(columns: Sequence[str], mapped: Mapping[str, str] | None) -> list[ColumnCheck]:
    """
    List what to count in a file.

    :param columns: The header.
    :param mapped: File column → IQM field, by its system name.
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
    Choose what to count in the whole of a large file: what costs next to nothing, and what the first records show.

    :param checks: All that could be counted.
    :param head: The first records.
    """
    counter = DamageCounter(checks)
    counter.add(ReadRecords(head))
    return [check for check, seen in zip(checks, counter.counts, strict=True) if seen or check.check.cheap]


class DamageCounter:
    """
    Counts damage in records that pass by.

    :param checks: What to count.
    """

    def __init__(self, checks: Sequence[ColumnCheck]) -> None:
        self.checks = checks
        self.counts = [0] * len(checks)
        self._numbers: dict[int, list[int]] = {}
        for number, check in enumerate(checks):
            self._numbers.setdefault(check.position, []).append(number)

    def add(self, batch: RecordBatch) -> None:
        """
        Count the damage of some records.

        :param batch: The records.
        """
        for position, numbers in self._numbers.items():
            text = batch.text(position)
            if marked := [number for number in numbers if self.checks[number].check.marked(text)]:
                values = batch.values(position)
                for number in marked:
                    self.counts[number] += self.checks[number].check.count(values)

    @property
    def positions(self) -> set[int]:
        """Which columns are looked over."""
        return {*self._numbers}

    def found(self) -> tuple[Damage, ...]:
        """Say what the counts mean."""
        return found_damage(self.checks, self.counts)


def found_damage(checks: Sequence[ColumnCheck], counts: Sequence[int]) -> tuple[Damage, ...]:
    """
    Say what counts mean.

    :param checks: What was counted.
    :param counts: How often each was seen.
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
    """Say whether the header looks like data."""
    count = count_identifying(columns)
    return (Damage(DamageKind.HEADER, count),) if count else ()


@contextmanager
def refused_with(damage: Sequence[Damage], *, name: str) -> Iterator[None]:
    """
    Have the error with which a list is refused in the ``with`` block tell the list's damage: it may be why.

    :param damage: The damage.
    :param name: The list's name.
    """
    try:
        yield
    except AudienceFileError as error:
        error.warnings = tuple(f"{name} has {item}" for item in damage)
        raise
