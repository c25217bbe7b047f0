"""Converts the values of a workbook's cells to text."""

from __future__ import annotations

import datetime
import math
import re
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.records.value_text import value_text
from airflow_provider_iqm.audience.xlsx.reader.escapes import unescape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_iqm.audience.xlsx.reader.package import Package
    from airflow_provider_iqm.audience.xlsx.reader.strings import SharedStrings

ERROR, UNCALCULATED = None, False
"""The values of a cell with an Excel error, such as #N/A, and of a formula whose value was never saved."""

Value = str | bool | None
"""A cell's text, ``ERROR`` or ``UNCALCULATED``."""

NUMBER, DATE, DURATION = 0, 1, 2

_BUILT_IN = dict.fromkeys((*range(14, 23), 45, 47), DATE) | {46: DURATION}
# Literals in a number format: quoted texts, escaped characters, colors and locales.
_LITERAL = re.compile(r'"[^"]*"|[\\_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"-?[1-9]\d{0,39}", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)T00:00(?::00(?:\.0+)?)?Z?", re.ASCII)
_DAYS = 2_958_466
"""The first day after Excel's last, at the end of the year 9999."""


class CellReader:
    """
    Reads cells' values as text.

    :param package: The workbook.
    :param strings: Its shared strings.
    """

    def __init__(self, package: Package, strings: SharedStrings) -> None:
        self.strings = strings
        self._is_1904 = package.is_1904
        part = package.related("/styles")
        self._formats = bytes(_formats(package, part)) if part else b""

    def read(self, kind: str | None, style: str | None, text: str, *, formula: bool = False) -> Value:
        """
        Return a cell's value.

        :param kind: The cell's type, such as ``s``; None for a number.
        :param style: The number of its style.
        :param text: Its text in the XML, without XML's escapes.
        :param formula: Whether the cell has a formula.
        :raises WorkbookError: The cell refers to a shared string that doesn't exist.
        """
        if not text:
            return UNCALCULATED if formula and kind in (None, "n") else ""
        if kind is None or kind == "n":
            return self._number(text.strip(), style)
        if kind == "s":
            return self.strings.get(text)
        if kind == "b":
            return {"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}.get(text.strip(), text)
        if kind == "e":
            return ERROR
        if kind == "d":
            return _MIDNIGHT.sub(r"\1", text.strip())
        return unescape(text)

    def reader(self, kind: str | None, style: str | None) -> Callable[[str], Value]:
        """
        Return a function that reads texts of one type and style, as :meth:`read` does.

        :param kind: The cells' type.
        :param style: The number of their style.
        """
        if kind == "s":
            return self.strings.get
        if kind in (None, "n") and self._format(style) == NUMBER:
            return _plain_number
        return partial(self.read, kind, style)

    def _number(self, text: str, style: str | None) -> str:
        kind = self._format(style)
        if kind == NUMBER:
            return _plain_number(text)
        if not _NUMBER.fullmatch(text):
            return text
        return _date_text(float(text), kind, is_1904=self._is_1904) or _number_text(text)

    def _format(self, style: str | None) -> int:
        if not style:
            return NUMBER
        number = int(style)
        return self._formats[number] if number < len(self._formats) else NUMBER


def format_kind(code: str) -> int:
    """
    Return whether a number format is for dates, durations or numbers.

    :param code: The format, such as ``yyyy-mm-dd``.
    """
    section = _LITERAL.sub("", code).split(";")[0].lower()
    if "[" in section:
        return DURATION
    return DATE if any(letter in section for letter in "dmyhs") else NUMBER


def _formats(package: Package, part: str) -> Iterator[int]:
    """Yield the kind of each cell style's number format."""
    custom: dict[str, int] = {}
    in_styles = False
    for name, attributes in package.elements(part):
        if name == "numFmt":
            custom.setdefault(attributes.get("numFmtId", ""), format_kind(attributes.get("formatCode", "")))
        elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            in_styles = name == "cellXfs"
        elif name == "xf" and in_styles:
            number = attributes.get("numFmtId", "0")
            built_in = _BUILT_IN.get(int(number), NUMBER) if number.isascii() and number.isdigit() else NUMBER
            yield custom.get(number, built_in)


def _plain_number(text: str) -> str:
    text = text.strip()
    # Keep the file's digits: as a float, a long id could lose its last ones.
    return text if _WHOLE.fullmatch(text) else _number_text(text)


def _number_text(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        return text
    if len(text) <= 40 and text.lstrip("+-").isdigit():
        return str(int(text))
    number = float(text)
    return value_text(number) if math.isfinite(number) else text


def _date_text(days: float, kind: int, *, is_1904: bool) -> str:
    """Return a number of days as a date, a time or a duration; empty if it is out of Excel's range."""
    milliseconds = round(days * 86_400_000) if abs(days) < _DAYS else None
    if milliseconds is None:
        return ""
    length = datetime.timedelta(milliseconds=milliseconds)
    if kind == DURATION:
        return value_text(length)
    if days < 0:
        return ""
    if days < 1:
        return value_text((datetime.datetime.min + length).time())
    epoch = datetime.datetime(1904, 1, 1) if is_1904 else datetime.datetime(1899, 12, 30)
    if not is_1904 and days < 60:
        # Excel has a 29th of February in 1900.
        epoch += datetime.timedelta(days=1)
    try:
        return value_text(epoch + length)
    except OverflowError:
        return ""
