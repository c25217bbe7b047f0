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

# How much of the file is kept to read its header from.
HEAD_BYTES = 1024 * 1024

_NEWLINES = b"\r\n"
_DELIMITER = re.compile(rb"[,\r\n]")
# A cell as the csv module reads it: a quote opens it only where it comes first, and what follows the closing quote is
# text. A quote after the closing one would double it, and the cell go on.
_CELL = rb'(?:"[^"]*+"(?:"[^"]*+")*+)?+(?!")[^,\r\n]*+'
# A record that is complete, with the blank lines after it; or, in the group, one that goes on in the next piece.
_RECORD = re.compile(rb"%b(?:,%b)*+[\r\n]++|((?s:.+))" % (_CELL, _CELL))


class _Place(Enum):
    """What the byte before the next one has left us in."""

    RECORD_START = auto()
    CELL_START = auto()
    CELL = auto()
    QUOTED = auto()
    # After a quote within a quoted cell: it ends the cell, unless another quote follows.
    QUOTE = auto()


_AFTER = {b",": _Place.CELL_START, b'"': _Place.QUOTED, b"\r": _Place.RECORD_START, b"\n": _Place.RECORD_START}


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
        if self._place is not _Place.RECORD_START:
            data = data[self._finish_record(data) :]
        data = data.lstrip(_NEWLINES)
        if b'"' in data:
            self._scan_quoted(data)
        elif data:
            lines = data.splitlines()
            self.records += len(lines) - lines.count(b"")
            self._place = _AFTER.get(data[-1:], _Place.CELL)

    def _scan_quoted(self, data: bytes) -> None:
        """Count from the start of a record."""
        rests = _RECORD.findall(data)
        self.records += len(rests)
        if rests[-1]:
            self._finish_record(rests[-1])

    def _finish_record(self, data: bytes) -> int:
        """Go through the record that has begun, and return where it ends, at most the length of the data."""
        position = 0
        while position < len(data):
            if self._place is _Place.QUOTED:
                closed = data.find(b'"', position) + 1
                self._place = _Place.QUOTE if closed else _Place.QUOTED
                position = closed or len(data)
            elif self._place is _Place.CELL:
                end = _DELIMITER.search(data, position)
                self._place = _AFTER[end.group()] if end else _Place.CELL
                position = end.end() if end else len(data)
            else:
                # A quote opens a cell here, or it is the second one of a doubled quote.
                self._place = _AFTER.get(data[position : position + 1], _Place.CELL)
                position += 1
            if self._place is _Place.RECORD_START:
                break
        return position


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
