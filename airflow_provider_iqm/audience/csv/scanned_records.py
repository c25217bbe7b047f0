"""Records whose values' positions in the text are known, and which are parsed only as necessary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from airflow_provider_iqm.audience.records.record_batch import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

_QUOTE, _CR, _SPACE = b'"\r '

_NOT_ASCII = 0x80


class ScannedRecords(RecordBatch):
    """
    Records in a text.

    :param text: Well-formed CSV in UTF-8, without NUL.
    :param starts: The position of each value, by record and column.
    :param ends: The position of the delimiter, or the LF, after each value.
    """

    def __init__(self, text: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> None:
        self._bytes = text
        self._data = np.frombuffer(text, np.uint8)
        self._starts = starts
        self._ends = ends
        self._columns: dict[int, tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def without_first(self) -> ScannedRecords:
        """Return all records but the first one."""
        return ScannedRecords(self._bytes, self._starts[1:], self._ends[1:])

    def blank_columns(self, positions: Collection[int]) -> set[int]:
        """Return those of the columns that are blank in all records; values are only copied where in doubt."""
        if not positions:
            return set()
        first, lengths = self._data[self._starts], self._ends - self._starts
        is_quoted = first == _QUOTE
        is_empty = (lengths == 0) | (is_quoted & (lengths == 2))
        is_filled = ((first > _SPACE) & (first < _NOT_ASCII) & ~is_quoted & ~is_empty).any(axis=0)
        in_doubt = ~is_empty.all(axis=0)
        left = [position for position in positions if not is_filled[position]]
        doubtful = super().blank_columns([position for position in left if in_doubt[position]])
        return doubtful.union(position for position in left if not in_doubt[position])

    def may_contain(self, position: int, mark: str) -> bool:
        """Return whether the text contains another one of one or two ASCII characters."""
        first, *rest = mark.encode()
        if first not in self._bytes or any(byte not in self._bytes for byte in rest):
            return False
        # Several times faster than a search for two characters that are frequent.
        return not rest or bool(((self._data[:-1] == first) & (self._data[1:] == rest[0])).any())

    def values(self, position: int, *, shortest: int = 0, longest: int = sys.maxsize) -> list[str]:
        """Return the values of a column."""
        starts, lengths, is_quoted = self._column(position)
        # Escaped quotes have two bytes.
        fits = (lengths >= shortest) & (lengths <= np.where(is_quoted, 2, 1) * min(longest, len(self._bytes)))
        return self._slices(starts[fits], lengths[fits])

    def count(self, position: int, *, shortest: int, longest: int) -> int:
        """Count the values of a column that are ASCII and of a certain length; most of them without a copy."""
        starts, lengths, is_quoted = self._column(position)
        fits = (lengths >= shortest) & (lengths <= longest) & ~is_quoted
        characters = self._data[starts[fits, None] + np.minimum(np.arange(longest), lengths[fits, None] - 1)]
        is_ascii = (characters < _NOT_ASCII).all(axis=1)
        quoted = self._slices(starts[is_quoted], lengths[is_quoted])
        return int(np.count_nonzero(is_ascii)) + sum(
            1 for value in quoted if shortest <= len(value) <= longest and value.isascii()
        )

    def _column(self, position: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Return where a column's values start, without a quote; their lengths; and which of them are quoted."""
        if position not in self._columns:
            starts, ends = self._starts[:, position], self._ends[:, position]
            if position == self._ends.shape[1] - 1 and b"\r" in self._bytes:
                ends = ends - ((ends > starts) & (self._data[ends - 1] == _CR))
            is_quoted = self._data[starts] == _QUOTE
            starts = starts + is_quoted
            self._columns[position] = starts, ends - is_quoted - starts, is_quoted
        return self._columns[position]

    def _slices(self, starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> list[str]:
        """Return the values at some positions, several times faster than one by one."""
        if not starts.size:
            return []
        # Copied together with the byte behind it, which becomes NUL: no value has one.
        sizes = lengths + 1
        ends = np.cumsum(sizes)
        copy = self._data[np.arange(ends[-1]) + np.repeat(starts - (ends - sizes), sizes)]
        copy[ends - 1] = 0
        # Only quoted values have quotes.
        text: str = copy.tobytes().decode().replace('""', '"')
        return text.split("\0")[:-1]
