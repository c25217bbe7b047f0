"""Batches of records, which are processed column by column, because that is faster than record by record."""

from __future__ import annotations

import csv
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Record = TypeVar("_Record", bound=Sequence[str])

BATCH = 1000
"""The number of records in a batch."""

_BATCH_CHARACTERS = 4_000_000
"""The maximum length of a batch: batches of long records have fewer records, to limit memory."""

_STEP = 16
"""The maximum number of items that are read before their length is checked; long ones are read one by one."""


def batches(records: Iterable[_Record], count: int = BATCH) -> Iterator[list[_Record]]:
    """
    Split records into batches of limited length.

    :param records: The records.
    :param count: The maximum number of records in a batch.
    """
    return _bounded(records, count, lambda step: sum(map(len, step)) + sum(map(len, chain.from_iterable(step))))


def line_batches(lines: Iterable[str], count: int) -> Iterator[list[str]]:
    """
    Split lines into batches of limited length.

    :param lines: The lines.
    :param count: The maximum number of lines in a batch.
    """
    return _bounded(lines, count, lambda step: sum(map(len, step)))


def _bounded(items: Iterable[_Item], count: int, length_of: Callable[[list[_Item]], int]) -> Iterator[list[_Item]]:
    items = iter(items)
    batch: list[_Item] = []
    length, taken = 0, 1
    while step := list(islice(items, min(taken, count - len(batch)))):
        batch += step
        added = length_of(step)
        length += added
        taken = 1 if added > _BATCH_CHARACTERS else min(2 * taken, _STEP)
        # Release records of megabytes before the batch is processed.
        del step
        if len(batch) == count or length > _BATCH_CHARACTERS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def is_blank(value: str) -> bool:
    """Return whether a value is empty or only white space."""
    return not value or value.isspace()


class RecordBatch(ABC):
    """Records with the same number of values, in any order."""

    @abstractmethod
    def values(self, position: int, *, shortest: int = 0, longest: int = sys.maxsize) -> Sequence[str]:
        """
        Return the values of a column.

        :param position: The column's position, from 0.
        :param shortest: Values of fewer bytes may be left out.
        :param longest: Values of more bytes may be left out.
        """

    def count(self, position: int, *, shortest: int, longest: int) -> int:
        """
        Count the values of a column that are ASCII and of a certain length.

        :param position: The column's position, from 0.
        :param shortest: The minimum length, at least 1.
        :param longest: The maximum length.
        """
        values = self.values(position, shortest=shortest, longest=longest)
        return sum(1 for value in values if shortest <= len(value) <= longest and value.isascii())

    def blank_columns(self, positions: Collection[int]) -> set[int]:
        """
        Return those of the columns that are blank in all records.

        :param positions: The columns' positions, from 0.
        """
        return {position for position in positions if all(map(is_blank, self.values(position, shortest=1)))}

    def may_contain(self, position: int, mark: str) -> bool:
        """
        Return whether one of a column's values contains a text; other columns' values may count too.

        :param position: The column's position, from 0.
        :param mark: The text.
        """
        return mark in "\0".join(self.values(position))


class ParsedRecords(RecordBatch):
    """
    Parsed records.

    :param records: The records.
    """

    def __init__(self, records: Sequence[Sequence[str]]) -> None:
        self._records = records
        self._columns: dict[int, list[str]] = {}

    def values(self, position: int, *, shortest: int = 0, longest: int = sys.maxsize) -> Sequence[str]:
        """Return the values of a column."""
        if position not in self._columns:
            self._columns[position] = [record[position] for record in self._records]
        return self._columns[position]


def parse_records(lines: Sequence[bytes]) -> list[list[str]]:
    """
    Parse records of well-formed CSV in UTF-8.

    :param lines: The records.
    :raises UnicodeDecodeError: A record isn't UTF-8.
    """
    return list(csv.reader([line.decode() for line in lines]))
