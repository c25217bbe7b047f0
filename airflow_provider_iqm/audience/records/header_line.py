"""A header as a line of CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def header_line(columns: Sequence[str]) -> str:
    """
    Return a header as a line of CSV, without a line end.

    :param columns: The names.
    """
    # A single name with a semicolon would look like several.
    ambiguous = len(columns) == 1 and any(delimiter in columns[0] for delimiter in ";\t|")
    text = io.StringIO(newline="")
    # With CRLF as the line terminator, csv quotes names that contain CR or LF.
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if ambiguous else csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(columns)
    return text.getvalue().removesuffix("\r\n")
