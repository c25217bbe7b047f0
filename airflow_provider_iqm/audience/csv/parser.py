"""
A CSV parser for records that ``csv`` doesn't take: those with long values, and broken ones.

``csv`` refuses values above a limit (131,072 characters) that all code of the process shares. The rules here are
the same as those of its strict mode; it takes about five times as long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.lines import MAX_LINE
from airflow_provider_iqm.exceptions import AudienceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTED = re.compile(r'([^"]*+(?:""[^"]*+)*+)("?)')
"""What a line has of a quoted value, and the quote that closes it, if it does."""


class RecordParser:
    """
    Parses records; as an iterator, gives the line on which each starts, and its values; none for an empty line.

    :param lines: The lines, each with its line end.
    :param name: The file's name, for messages.
    :param delimiter: The delimiter.
    :param line: The number of the first line.
    :raises AudienceFileError: A record is longer than :data:`~.lines.MAX_LINE`, or isn't well-formed; the error
        has the line.
    """

    def __init__(self, lines: Iterator[str], *, name: str, delimiter: str, line: int) -> None:
        self._lines = lines
        self._name = name
        self._delimiter = delimiter
        self._line = line - 1
        self._unquoted = re.compile(rf"[^{re.escape(delimiter)}\r\n]*+")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for text in self._lines:
            self._line += 1
            start = self._line
            yield start, self._parse_record(text) if text.strip("\r\n") else []

    def _parse_record(self, text: str) -> list[str]:
        start, length = self._line, len(text)
        values: list[str] = []
        position = 0
        while True:
            if text.startswith('"', position):
                # A quoted value may go on for many lines.
                opened, position, pieces = self._line, position + 1, []
                while True:
                    found = _QUOTED.match(text, position)
                    assert found  # noqa: S101 - it matches any text
                    pieces.append(found[1])
                    position = found.end()
                    if found[2]:
                        break
                    text, position = self._next_line(opened), 0
                    length += len(text)
                    self._check_length(length, start=start, opened=opened)
                values.append("".join(pieces).replace('""', '"'))
            else:
                found = self._unquoted.match(text, position)
                assert found  # noqa: S101 - it matches any text
                opened, position = self._line, found.end()
                values.append(found[0])
            if text.startswith(self._delimiter, position):
                position += 1
            elif position == len(text) or text[position] in "\r\n":
                return values
            else:
                raise self._text_after_quote(opened)

    def _next_line(self, opened: int) -> str:
        for text in self._lines:
            self._line += 1
            return text
        raise AudienceFileError(
            f"{self._name}: the quote that opens a value on line {opened} is never closed. "
            'Close it, or write a double quote inside a value twice ("").',
            line=opened,
        )

    def _check_length(self, length: int, *, start: int, opened: int) -> None:
        if length > MAX_LINE:
            raise AudienceFileError(
                f"{self._name}: the record on line {start} is longer than {MAX_LINE:,} characters, which is the limit: "
                f"the quote that opens a value on line {opened} isn't closed by then. Close it, or leave the column "
                "out.",
                line=opened,
            )

    def _text_after_quote(self, opened: int) -> AudienceFileError:
        return AudienceFileError(
            f"{self._name}: line {self._line} has text after a closing quote, in the value that starts on line "
            f'{opened}. Write a double quote inside a value twice (""), and close every quote before the next '
            "delimiter.",
            line=opened,
        )
