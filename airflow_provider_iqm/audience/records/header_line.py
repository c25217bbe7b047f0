"""A header as a line of CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def header_line(columns: Sequence[str]) -> str:
    """
    Write a header as a line of CSV, without its line end.

    :param columns: The names.
    """
    # One name with a semicolon in it would be taken for several.
    ambiguous = len(columns) == 1 and any(delimiter in columns[0] for delimiter in ";\t|")
    text = io.StringIO(newline="")
    # With CRLF as its line end, csv quotes a name with a lone CR or LF in it.
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if ambiguous else csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(columns)
    return text.getvalue().removesuffix("\r\n")
