"""The markup of a row, which most rows of a list share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_iqm.audience.xlsx.reader.values import Value

_NUMBER = "([1-9][0-9]{0,6})"
_SAME_NUMBER = r"\1"
# Without entities, which would have to be decoded.
_TEXT = "([^<&]*+)"


class RowLayout:
    """
    Reads rows that only differ from a first one in the row's number and the cells' texts.

    One pattern for the whole row takes half the time of one pattern per cell.

    :param text: The first row, without its end tag.
    :param number: The position of its number in the text.
    :param cells: The positions of each cell's row number and text.
    :param columns: The cells' columns, from 0.
    :param readers: The readers of each cell's text.
    """

    def __init__(
        self,
        text: str,
        *,
        number: tuple[int, int],
        cells: Sequence[tuple[tuple[int, int], tuple[int, int]]],
        columns: list[int],
        readers: list[Callable[[str], Value]],
    ) -> None:
        self._columns = columns
        self._readers = readers
        variable = [(number, _NUMBER)]
        for row_number, cell_text in cells:
            variable += [(row_number, _SAME_NUMBER), (cell_text, _TEXT)]
        pattern, position = "", 0
        for (start, end), part in variable:
            pattern += re.escape(text[position:start]) + part
            position = end
        self._pattern = re.compile(pattern + re.escape(text[position:]))

    def read(self, text: str) -> tuple[int, list[int], list[Value]] | None:
        """
        Return a row's number, its cells' columns, and their values; None if the row has another layout.

        :param text: The row, without its end tag.
        """
        match = self._pattern.fullmatch(text)
        if match is None:
            return None
        number, *texts = match.groups()
        values = [read(text) if text else "" for read, text in zip(self._readers, texts, strict=True)]
        return int(number), self._columns, values
