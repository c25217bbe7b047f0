"""
Finds the records and values of well-formed CSV without parsing it: with NumPy, a block at a time.

It looks only at marks: quotes, delimiters and line ends. Quotes open and close values in turn, and marks between an
opening and a closing one are text. That is RFC 4180 if every opening quote follows a delimiter, a line end or a closing
quote, and every closing one precedes one of them: an escaped quote (``""``) is a closing and an opening one.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TYPE_CHECKING

import numpy as np

from airflow_provider_iqm.audience.csv.checked_blocks import IrregularCSVError
from airflow_provider_iqm.audience.csv.scanned_records import ScannedRecords

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUOTE, _COMMA, _LF, _CR = b'",\n\r'

MAX_RECORD_BYTES = 1 << 19
"""The longest record that may go on in the next block. Longer ones are left to the exact reader, to limit memory."""


class RecordScanner:
    """
    Finds records in a file's blocks. Lines end with LF or CRLF; empty lines are no records.

    :param width: The number of values that each record must have.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._rest = b""
        self._is_start = True

    def add(self, block: bytes) -> ScannedRecords:
        """
        Find the records that end in a block; the bytes after the last one are kept for the next block.

        :param block: The next bytes.
        :raises IrregularCSVError: The exact reader must read the file.
        """
        text = self._rest + (block.removeprefix(BOM_UTF8) if self._is_start else block)
        self._is_start = False
        data = np.frombuffer(text, np.uint8)
        marks = _find_marks(text, data)
        kinds = data[marks]
        is_quote = kinds == _QUOTE
        inside = np.bitwise_xor.accumulate(is_quote)
        is_end = ~(inside | is_quote)
        line_ends = np.flatnonzero(is_end & (kinds == _LF))
        count = line_ends[-1] + 1 if line_ends.size else 0
        size = marks[count - 1] + 1 if count else 0
        self._rest = text[size:]
        if len(self._rest) > MAX_RECORD_BYTES:
            raise IrregularCSVError
        marks, kinds, is_end = marks[:count], kinds[:count], is_end[:count]
        if b'"' in text:
            _check_quotes(marks, is_quote[:count], inside[:count])
        if b"\r" in text:
            is_end = is_end & ~_line_feeds_follow(marks, kinds, is_end)
        return self._records(text, data, marks[is_end], kinds[is_end] == _LF)

    def finish(self) -> ScannedRecords:
        """
        Find the last record if it has no line end.

        :raises IrregularCSVError: The exact reader must read the file.
        """
        records = self.add(b"\n" if self._rest else b"")
        if self._rest:
            # A quote is open.
            raise IrregularCSVError
        return records

    def _records(
        self, text: bytes, data: NDArray[np.uint8], ends: NDArray[np.intp], is_line_end: NDArray[np.bool_]
    ) -> ScannedRecords:
        starts = np.empty_like(ends)
        starts[:1] = 0
        np.add(ends[:-1], 1, out=starts[1:])
        # Of a record with one value, an empty line has the shape.
        if self._width == 1 or not _is_rectangular(is_line_end, self._width):
            keep = ~_empty_lines(data, starts, ends, is_line_end)
            starts, ends, is_line_end = starts[keep], ends[keep], is_line_end[keep]
            if not _is_rectangular(is_line_end, self._width):
                raise IrregularCSVError
        return ScannedRecords(text, starts.reshape(-1, self._width), ends.reshape(-1, self._width))


def _find_marks(text: bytes, data: NDArray[np.uint8]) -> NDArray[np.intp]:
    is_mark = data == _COMMA
    for kind in (_LF, _QUOTE, _CR):
        # A look at the bytes is cheaper than a comparison.
        if kind in text:
            is_mark |= data == kind
    return np.flatnonzero(is_mark)


def _check_quotes(marks: NDArray[np.intp], is_quote: NDArray[np.bool_], inside: NDArray[np.bool_]) -> None:
    """Check that quotes stand next to another mark: an opening one behind it, a closing one before it."""
    is_apart = np.diff(marks, prepend=-1) != 1
    if (is_quote & inside & is_apart).any() or (is_quote[:-1] & ~inside[:-1] & is_apart[1:]).any():
        raise IrregularCSVError


def _line_feeds_follow(
    marks: NDArray[np.intp], kinds: NDArray[np.uint8], is_end: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which marks are CRs outside of quotes, and check that each precedes an LF."""
    is_return: NDArray[np.bool_] = is_end & (kinds == _CR)
    is_followed = (np.diff(marks) == 1) & (kinds[1:] == _LF)
    if (is_return[:-1] & ~is_followed).any():
        raise IrregularCSVError
    return is_return


def _empty_lines(
    data: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp], is_line_end: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    is_line_start = np.empty_like(is_line_end)
    is_line_start[:1] = True
    is_line_start[1:] = is_line_end[:-1]
    lengths = ends - starts
    is_empty: NDArray[np.bool_] = (lengths == 0) | ((lengths == 1) & (data[starts] == _CR))
    return is_empty & is_line_start & is_line_end


def _is_rectangular(is_line_end: NDArray[np.bool_], width: int) -> bool:
    """Return whether every line has the same number of values."""
    lines = is_line_end.size // width
    return (
        lines * width == is_line_end.size
        and np.count_nonzero(is_line_end) == lines
        and bool(is_line_end[width - 1 :: width].all())
    )
