"""
Counts the records of a CSV (RFC 4180) in a stream, with the speed of bytes methods.

A quoted field may contain line breaks, so a record may span lines. Lines end with CRLF, LF or CR; the last line's end
is optional; blank lines are not records. So a record starts at any byte, except for a line break, that follows a line
break outside of quotes. CRLF needs no special case: it looks like an additional blank line. Tests compare this module
with the ``csv`` module.
"""

import codecs
import csv
import io
import re
from enum import Enum, auto

# Size of the start of the file that is kept for parsing the header.
HEAD_BYTES = 1024 * 1024

_NEWLINES = b"\r\n"
_DELIMITER = re.compile(rb"[,\r\n]")
# A field as the csv module parses it: only a quote at its start opens a quoted field, and anything after the closing
# quote is text. Another quote after the closing one would be an escaped quote.
_CELL = rb'(?:"[^"]*+"(?:"[^"]*+")*+)?+(?!")[^,\r\n]*+'
# A complete record with the blank lines after it, or, in the group, one that continues in the next piece.
_RECORD = re.compile(rb"%b(?:,%b)*+[\r\n]++|((?s:.+))" % (_CELL, _CELL))


class _Place(Enum):
    """State of the scanner after a byte."""

    RECORD_START = auto()
    CELL_START = auto()
    CELL = auto()
    QUOTED = auto()
    # After a quote in a quoted field: it ends the field, unless another quote follows.
    QUOTE = auto()


_AFTER = {b",": _Place.CELL_START, b'"': _Place.QUOTED, b"\r": _Place.RECORD_START, b"\n": _Place.RECORD_START}


class RecordScanner:
    """Counts records, including the header."""

    def __init__(self) -> None:
        self.records = 0
        self._place = _Place.RECORD_START

    def feed(self, data: bytes) -> None:
        """
        Process the next piece.

        :param data: bytes of any length, which may end anywhere in a record.
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
        """Count records from the start of a record on."""
        rests = _RECORD.findall(data)
        self.records += len(rests)
        if rests[-1]:
            self._finish_record(rests[-1])

    def _finish_record(self, data: bytes) -> int:
        """Scan to the end of the current record, and return its position, or the length of the data."""
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
                # A quote opens a field here, or is the second one of an escaped quote.
                self._place = _AFTER.get(data[position : position + 1], _Place.CELL)
                position += 1
            if self._place is _Place.RECORD_START:
                break
        return position


class CsvReader:
    """
    Reads the header and the number of records of a CSV.

    Only the header is decoded.
    """

    def __init__(self) -> None:
        self._scanner = RecordScanner()
        self._head = bytearray()
        self._start: bytes | None = b""

    def feed(self, data: bytes) -> None:
        """
        Process the next piece of the file.

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

        :raises ValueError: there is no header, or it can't be read; the message contains no value of the file.
        """
        if self._start is not None:
            rest, self._start = self._start, None
            self._head += rest
            self._scanner.feed(rest)
        if not self._scanner.records:
            raise ValueError("The file is empty.")
        return self._header(), self._scanner.records - 1

    def _header(self) -> tuple[str, ...]:
        # Latin-1 preserves each byte, so that the header can be split into fields before it is decoded.
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
