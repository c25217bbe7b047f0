"""The contents of a list in any format, counted record by record, and the rules for its header."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.damage.damage import ColumnCheck, Damage, DamageCounter, checks_for
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.audience.records.record_batch import ParsedRecords, RecordBatch, batches, is_blank
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LONGEST_NAME = 1000
_MOST_COLUMNS = 100_000
"""Six times as many as Excel has; more would take minutes to look at."""


@dataclass(frozen=True)
class Contents:
    """
    What one pass over a list's records found out.

    :param columns: The header's names.
    :param records: Number of records, without the header.
    :param first_records: The values of the first records, as many as IQM gets as samples.
    :param blank_columns: The positions, from 0, of the columns that are blank in every record.
    :param damage: Damage to the values.
    :param sha256: SHA-256 of the file in hex. ``None`` if the pass didn't read its bytes.
    """

    # Personal data, which a header may be too, and a repr ends up in logs.
    columns: tuple[str, ...] = field(repr=False)
    records: int
    first_records: tuple[tuple[str, ...], ...] = field(repr=False)
    blank_columns: frozenset[int]
    damage: tuple[Damage, ...] = ()
    sha256: str | None = None

    @property
    def samples(self) -> dict[str, tuple[str, ...]]:
        """Each column's values in the first records."""
        return {
            column: tuple(record[position] for record in self.first_records)
            for position, column in enumerate(self.columns)
        }


class ContentsCounter:
    """
    Counts a list's records as they are read, each as wide as the header.

    :param columns: The header.
    :param checks: The damage to count.
    """

    def __init__(self, columns: tuple[str, ...], checks: Sequence[ColumnCheck]) -> None:
        self.columns = columns
        self._records = 0
        self._first: tuple[tuple[str, ...], ...] = ()
        self._blank = set(range(len(columns)))
        self._damage = DamageCounter(checks)

    def add(self, records: Sequence[Sequence[str]]) -> None:
        """
        Count parsed records; the first records of a list must be added this way, for the samples.

        :param records: The records.
        """
        missing = METADATA_SAMPLE_RECORDS - len(self._first)
        if missing:
            self._first += tuple(tuple(record) for record in records[:missing])
        self.add_batch(len(records), ParsedRecords(records))

    def add_batch(self, count: int, batch: RecordBatch) -> None:
        """
        Count further records.

        :param count: Number of records.
        :param batch: The records.
        """
        self._records += count
        self._damage.add(batch)
        self._blank = batch.blank_columns(self._blank)

    @property
    def wanted(self) -> set[int]:
        """The positions of the columns whose values are still needed."""
        return self._blank | self._damage.positions

    def contents(self) -> Contents:
        """Return the result after the last record."""
        return Contents(self.columns, self._records, self._first, frozenset(self._blank), self._damage.found())


def count_contents(
    columns: tuple[str, ...], records: Iterable[Sequence[str]], mapped: Mapping[str, str] | None
) -> Contents:
    """
    Count all records of a list.

    :param columns: The header.
    :param records: The records, each as wide as the header.
    :param mapped: File column → IQM field, of the columns whose values are checked for damage.
    """
    counter = ContentsCounter(columns, checks_for(columns, mapped))
    for batch in batches(records):
        counter.add(batch)
    return counter.contents()


def check_header(columns: Sequence[str], *, name: str, line: int, unit: str = "line", certain: bool = False) -> None:
    """
    Check that every column has a name of its own.

    :param columns: The header's names.
    :param name: The file's name, for the message.
    :param line: The line, or the row, of the header.
    :param unit: What that is called.
    :param certain: Whether they are column names for certain, as a database's are.
    :raises AudienceFileError: A name is blank, too long for messages to name it, or occurs twice; or there are too
        many.
    """
    if len(columns) > _MOST_COLUMNS:
        raise AudienceFileError(
            f"{name}: the header ({unit} {line}) has {len(columns):,} columns; the limit is {_MOST_COLUMNS:,}. Check "
            "the file's line ends and delimiters.",
            line=line,
        )
    positions: dict[str, int] = {}
    for position, column in enumerate(columns, start=1):
        if len(column) > _LONGEST_NAME:
            raise AudienceFileError(
                f"{name}: the name of column {position} of {len(columns)} in the header ({unit} {line}) has "
                f"{len(column):,} characters; the limit is {_LONGEST_NAME:,}. Give the column a shorter name, or close "
                "the quote in it.",
                line=line,
            )
        if column not in positions and not is_blank(column):
            positions[column] = position
            continue
        header = Header(tuple(columns), certain=certain)
        if is_blank(column):
            fault = f"column {position} of {len(columns)} has no name in the header ({unit} {line})."
            advice = "Give every column a name."
        else:
            what = f"the name {column!r}" if header.may_be_shown else "a name"
            fault = f"the header ({unit} {line}) has {what} twice, in columns {positions[column]} and {position}."
            advice = "Give every column a name of its own."
        if header.doubt:
            advice = f"{header.doubt}. If the list has no header, add one; otherwise: {advice[0].lower()}{advice[1:]}"
        raise AudienceFileError(f"{name}: {fault} {advice}", line=line)
