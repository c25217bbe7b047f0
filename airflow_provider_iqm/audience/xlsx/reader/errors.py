"""The errors of unreadable workbooks, and Excel's own limits."""

from __future__ import annotations

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_ROW_CHARACTERS = 2_000_000
"""The maximum length of a row, as for lines of CSV files."""

MAX_UNPACKED_BYTES = 4_000_000_000
"""The maximum size of a workbook's XML: enough for 1,048,576 rows of about 50 columns. Fits 32 bits."""

DAMAGED = "the content is not an Excel workbook, or it is damaged. Save it as XLSX again."


class WorkbookError(Exception):
    """
    A workbook can't be read.

    :param problem: The problem, without values of cells.
    :param line: The row that has the problem; None if there isn't a single one.
    """

    def __init__(self, problem: str, *, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def check_row(row: int) -> None:
    """
    Check the number of a row.

    :raises WorkbookError: Excel has no such row.
    """
    if not 0 < row <= MAX_ROWS:
        raise WorkbookError(
            f"the sheet has a row {row}, but Excel's rows end at {MAX_ROWS:,}. Use CSV, or several workbooks.",
            line=row,
        )


def column_number(letters: str, row: int) -> int:
    """
    Return a column's number, from 0.

    :param letters: The column's letters, such as ``AB``.
    :param row: The row, for the message.
    :raises WorkbookError: Excel has no such column.
    """
    number = 0
    # More than three letters are already beyond Excel's last column.
    for letter in letters[:4]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if not 0 < number <= MAX_COLUMNS:
        raise beyond_columns(row)
    return number - 1


def beyond_columns(row: int) -> WorkbookError:
    """Return the error for a row with more columns than Excel."""
    return WorkbookError(
        f"row {row} has a cell beyond column XFD: Excel's columns end at {MAX_COLUMNS:,}. Use CSV.",
        line=row,
    )


def check_length(characters: int, row: int) -> None:
    """
    Check the length of a row's text.

    :raises WorkbookError: The text is too long.
    """
    if characters > MAX_ROW_CHARACTERS:
        raise WorkbookError(
            f"row {row} has more than {MAX_ROW_CHARACTERS:,} characters, which is too long for a record.", line=row
        )
