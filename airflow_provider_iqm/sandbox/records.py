"""
Counts the records of a CSV that arrives in pieces, by RFC 4180, at the speed of bytes methods.

A record may span lines, since a quoted cell may hold newlines; lines end in CRLF, LF or CR; the last one needs no
end; a blank line is no record. So a record begins with any byte but a newline that follows a newline outside of
quotes, and CRLF needs no care: what it adds is a blank line. The test of this module is that it agrees with the
``csv`` module.
"""

import codecs
import csv
import io
import re
from enum import Enum, auto
from operator import itemgetter

# How much of the file is kept to read its header from.
HEAD_BYTES = 1024 * 1024

_DELIMITER = re.compile(rb"[,\r\n]")
_NEWLINES = b"\r\n"
_LAST_BYTE = itemgetter(slice(-1, None))
# What can stand before a quote that opens or closes a cell, or that is the second one of a doubled quote (nothing).
_BEFORE_QUOTE = {b"", b",", b"\r", b"\n"}


class _Place(Enum):
    """What the byte before the next one has left us in."""

    RECORD_START = auto()
    CELL_START = auto()
    CELL = auto()
    QUOTED = auto()
    # After a quote within a quoted cell: it ends the cell, unless another quote follows.
    QUOTE = auto()


class RecordScanner:
    """Counts records, the header among them."""

    def __init__(self) -> None:
        self.records = 0
        self._place = _Place.RECORD_START

    def feed(self, data: bytes) -> None:
        """
        Take the next piece.

        :param data: bytes of any length; a piece may end anywhere.
        """
        if data and not self._scan_regular(data):
            self._scan_any(data)

    def _scan_regular(self, data: bytes) -> bool:
        """Scan by whole quoted cells, or return False where a quote stands in the middle of an unquoted cell."""
        inside = self._place is _Place.QUOTED
        pieces = data.split(b'"')
        outside = pieces[1::2] if inside else pieces[::2]
        ends_inside = (len(pieces) % 2 == 0) != inside
        before_quotes = outside if ends_inside else outside[:-1]
        if not set(map(_LAST_BYTE, before_quotes)) <= _BEFORE_QUOTE:
            return False
        if self._place is _Place.CELL and len(pieces) > 1 and not pieces[0]:
            return False
        if not outside:
            return True
        # One quote is left for each quoted cell, so that a line of which nothing else is left is not blank.
        text = b'"' * inside + b'"'.join(outside) + b'"' * ends_inside
        lines = text.splitlines()
        self.records += len(lines) - lines.count(b"")
        if self._place is not _Place.RECORD_START and lines[0]:
            self.records -= 1
        self._place = _Place.QUOTED if ends_inside else _place_after(text)
        return True

    def _scan_any(self, data: bytes) -> None:
        """Scan by single cells, which is exact for any input, and slow."""
        position = 0
        while position < len(data):
            here = data[position : position + 1]
            if self._place is _Place.QUOTED:
                position = data.find(b'"', position) + 1 or len(data)
                self._place = _Place.QUOTE if data[position - 1 : position] == b'"' else _Place.QUOTED
            elif self._place is _Place.CELL:
                end = _DELIMITER.search(data, position)
                position = end.end() if end else len(data)
                if end:
                    self._place = _place_after(end.group())
            elif self._place is _Place.QUOTE:
                position += 1
                self._place = _Place.QUOTED if here == b'"' else _place_after(here)
            else:
                position += 1
                self.records += self._place is _Place.RECORD_START and here not in _NEWLINES
                self._place = _Place.QUOTED if here == b'"' else _place_after(here)


def _place_after(text: bytes) -> _Place:
    last = text[-1:]
    if last in _NEWLINES:
        return _Place.RECORD_START
    return {b",": _Place.CELL_START, b'"': _Place.QUOTE}.get(last, _Place.CELL)


class CsvReader:
    """
    Reads what the sandbox wants to know of a CSV: its header and how many records it has.

    Only the header's bytes are ever made text.
    """

    def __init__(self) -> None:
        self._scanner = RecordScanner()
        self._head = bytearray()
        self._start: bytes | None = b""

    def feed(self, data: bytes) -> None:
        """
        Take the next piece of the file.

        :param data: bytes of any length.
        """
        if self._start is not None:
            self._start += data
            if len(self._start) < len(codecs.BOM_UTF8) and codecs.BOM_UTF8.startswith(self._start):
                return
            data, self._start = self._start.removeprefix(codecs.BOM_UTF8), None
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._scanner.feed(data)

    def finish(self) -> tuple[tuple[str, ...], int]:
        """
        Return the header and the number of records.

        :raises ValueError: where there is no header, or it can't be read; the message holds nothing of the file.
        """
        if self._start is not None:
            rest, self._start = self._start, None
            self._head += rest
            self._scanner.feed(rest)
        if not self._scanner.records:
            raise ValueError("The file is empty.")
        return self._header(), self._scanner.records - 1

    def _header(self) -> tuple[str, ...]:
        # Latin-1 keeps each byte, so that the cells can be told apart before anything is decoded.
        rows = csv.reader(io.StringIO(self._head.decode("latin-1"), newline=""))
        try:
            cells = next(row for row in rows if row)
            if len(self._head) == HEAD_BYTES and next(filter(None, rows), None) is None:
                raise ValueError(f"The file's header is longer than {HEAD_BYTES} bytes.")
            return tuple(cell.encode("latin-1").decode() for cell in cells)
        except csv.Error as broken:
            raise ValueError("The file's header can't be read.") from broken
        except UnicodeDecodeError as foreign:
            raise ValueError("The file's header is not UTF-8.") from foreign
