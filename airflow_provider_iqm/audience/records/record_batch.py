"""Some records at a time, looked at column by column, which is faster than one by one."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Record = TypeVar("_Record", bound=Sequence[str])

BATCH = 1000
"""How many records are looked at together."""

_BATCH_CHARACTERS = 4_000_000
"""Long records are looked at in smaller batches, or they would take too much memory."""

_STEP = 16
"""How many items are taken before their length is looked at, at most; long ones are taken one by one."""

_QUOTE = ord('"')


def batches(records: Iterable[_Record], count: int = BATCH) -> Iterator[list[_Record]]:
    """
    Split records into batches of a bounded length.

    :param records: The records.
    :param count: How many records a batch has at most.
    """
    return _bounded(records, count, lambda step: sum(map(len, step)) + sum(map(len, chain.from_iterable(step))))


def line_batches(lines: Iterable[str], count: int) -> Iterator[list[str]]:
    """
    Split lines into batches of a bounded length.

    :param lines: The lines.
    :param count: How many lines a batch has at most.
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
        # Nothing else may hold records of megabytes while the batch is worked on.
        del step
        if len(batch) == count or length > _BATCH_CHARACTERS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


class RecordBatch(ABC):
    """Some records of one width, in any order."""

    @abstractmethod
    def values(self, position: int) -> Sequence[str]:
        """
        Give the values of a column.

        :param position: The column's position, from 0.
        """

    def text(self, position: int) -> str:
        """
        Give a text that holds all values of a column, and may hold more.

        :param position: The column's position, from 0.
        """
        return "\0".join(self.values(position))


class ReadRecords(RecordBatch):
    """
    Records that have been read.

    :param records: The records.
    """

    def __init__(self, records: Sequence[Sequence[str]]) -> None:
        self._records = records

    def values(self, position: int) -> Sequence[str]:
        """Pick them."""
        return [record[position] for record in self._records]


class ExportedLines(RecordBatch):
    """
    Records of well-formed CSV, which aren't read further than they have to be.

    :param lines: The records in UTF-8, each with the LF at its end.
    :param text: The same in one piece.
    :param width: How many values each has.
    """

    def __init__(self, lines: Sequence[bytes], *, text: str, width: int) -> None:
        self._lines = lines
        self._text = text
        self._width = width

    def text(self, position: int) -> str:
        """Give them all, unread."""
        return self._text

    def values(self, position: int) -> Sequence[str]:
        """Split lines from their nearer end: for one column, ``csv`` takes several times as long."""
        behind = self._width - position
        if position < behind:
            values = [line.split(b",", position + 1)[position] for line in self._unquoted]
        else:
            values = [line.rsplit(b",", behind)[-behind] for line in self._unquoted]
        # Behind the last column's values, the LF stands already.
        text = b"\n".join(values) if behind > 1 else b"".join(values)[:-1]
        unquoted = text.decode().split("\n") if values else []
        return unquoted + [record[position] for record in self._quoted]

    @cached_property
    def _unquoted(self) -> list[bytes]:
        # Here a comma is always a delimiter, and an LF always the end.
        return [line for line in self._lines if _QUOTE not in line]

    @cached_property
    def _quoted(self) -> list[list[str]]:
        return parse_records([line for line in self._lines if _QUOTE in line])


def parse_records(lines: Sequence[bytes]) -> list[list[str]]:
    """
    Read records of well-formed CSV in UTF-8.

    :param lines: The records.
    :raises UnicodeDecodeError: They aren't UTF-8.
    """
    return list(csv.reader([line.decode() for line in lines]))
