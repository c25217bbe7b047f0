"""A workbook's shared strings: compact in memory, or in an unnamed file if there are many."""

from __future__ import annotations

import os
import re
import tempfile
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.xlsx.reader.errors import (
    DAMAGED,
    MAX_ROW_CHARACTERS,
    MAX_UNPACKED_BYTES,
    WorkbookError,
)
from airflow_provider_iqm.audience.xlsx.reader.escapes import unescape
from airflow_provider_iqm.audience.xlsx.reader.items import ItemReader, decode_entities
from airflow_provider_iqm.audience.xlsx.reader.xml_parser import XMLParser, local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_iqm.audience.xlsx.reader.package import Package

WHITE_SPACE = " \t\n\r"
"""The characters that Excel strips from texts without ``xml:space="preserve"``."""

_USUAL = re.compile(r'\s*<si><t( xml:space="preserve")?(?:/>|>([^<]*+)</t>)</si>')


class SharedStrings:
    """
    The shared strings, by number.

    :param memory: The maximum number of bytes in memory; more are written to a file.
    :param folder: The folder of that file.
    """

    def __init__(self, *, memory: int, folder: str | None) -> None:
        self._memory = memory
        self._folder = folder
        self._file: int | None = None
        self._bytes = bytearray()
        self._size = 0
        # Four bytes per position suffice, because the size of a workbook's XML is limited.
        self._ends = array("I", [0])

    def load(self, package: Package) -> None:
        """
        Load a workbook's strings.

        :param package: The workbook.
        :raises WorkbookError: The strings can't be read.
        :raises OSError: The file can't be written.
        """
        part = package.related("/sharedStrings")
        if part is None:
            return
        parser = _StringParser()
        for text in parser.items.read(package.pieces(part)):
            if text is None:
                self._add(parser.take())
            else:
                usual = _usual_strings(text) if parser.items.between_items else None
                self._add(usual or parser.parse(text))

    def get(self, number: str) -> str:
        """
        Return a string.

        :param number: Its number, from 0, as in the cell's text.
        :raises WorkbookError: There is no such string.
        """
        try:
            position = int(number)
            start, end = self._ends[position], self._ends[position + 1]
        except (ValueError, IndexError):
            raise WorkbookError(DAMAGED) from None
        if position < 0:
            raise WorkbookError(DAMAGED)
        if self._file is None:
            return self._bytes[start:end].decode()
        return os.pread(self._file, end - start, start).decode()

    def _add(self, strings: Sequence[str]) -> None:
        encoded = [string.encode() for string in strings]
        ends = accumulate(map(len, encoded), initial=self._size)
        next(ends)
        joined = b"".join(encoded)
        self._size += len(joined)
        if self._size > MAX_UNPACKED_BYTES:
            raise WorkbookError(DAMAGED)
        self._ends.extend(ends)
        if self._file is None and self._size > self._memory:
            self._spill()
        if self._file is None:
            self._bytes += joined
        else:
            self._write(joined)

    def _spill(self) -> None:
        # The file has no name, so the system deletes it when the process ends, even if it is killed.
        with tempfile.TemporaryFile(dir=self._folder) as file:
            self._file = os.dup(file.fileno())
        self._write(self._bytes)
        self._bytes = bytearray()

    def _write(self, data: bytes | bytearray) -> None:
        assert self._file is not None  # noqa: S101
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


def _usual_strings(text: str) -> list[str] | None:
    """Return strings that all have the usual form; None if one doesn't."""
    parts = _USUAL.split(text)
    # The parser raises the error for a text that is too long.
    if any(parts[::3]) or len(text) > MAX_ROW_CHARACTERS:
        return None
    strings: list[str | None] = [string or "" for string in parts[2::3]]
    if "&" in text:
        strings = [decode_entities(string) if string and "&" in string else string for string in strings]
    found = [
        string if preserved else string.strip(WHITE_SPACE)
        for preserved, string in zip(parts[1::3], strings, strict=True)
        if string is not None
    ]
    if len(found) < len(strings):
        return None
    return list(map(unescape, found)) if "_x" in text else found


class _StringParser:
    """Parses strings of any form."""

    def __init__(self) -> None:
        self._parser = XMLParser(self._start, self._end)
        self.items = ItemReader(self._parser, around="sst", item="si")
        self._found: list[str] = []
        self._text = RichText()

    def parse(self, text: str) -> list[str]:
        self._parser.feed(text.encode())
        return self.take()

    def take(self) -> list[str]:
        """Return the strings read since the last call."""
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if name == "si":
            self._text = RichText()
        elif self._text.start(name, attributes):
            self._parser.expat.CharacterDataHandler = self._text.add

    def _end(self, name: str) -> None:
        name = local(name)
        self._parser.expat.CharacterDataHandler = None
        self._text.end(name)
        if name == "si":
            self._found.append(unescape(self._text.text()))


class RichText:
    """Collects the text of a string whose runs may be formatted, without phonetic guides."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._run: list[str] = []
        self._characters = 0
        self._preserved = False
        self._phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> bool:
        """Process the start of an element; return whether its text is part of the string."""
        if name == "rPh":
            self._phonetic = True
        self._preserved = attributes.get("xml:space") == "preserve"
        return name == "t" and not self._phonetic

    def add(self, text: str) -> None:
        """Add text."""
        self._characters += len(text)
        if self._characters > MAX_ROW_CHARACTERS:
            raise WorkbookError(
                f"a cell's text has more than {MAX_ROW_CHARACTERS:,} characters, which is too long for a record."
            )
        self._run.append(text)

    def end(self, name: str) -> None:
        """Process the end of an element."""
        if name == "rPh":
            self._phonetic = False
        elif name == "t":
            run = "".join(self._run)
            self._done.append(run if self._preserved else run.strip(WHITE_SPACE))
            self._run.clear()

    def text(self) -> str:
        """Return the whole text."""
        return "".join(self._done)
