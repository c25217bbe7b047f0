"""Why a workbook can't be read, and what Excel itself can hold."""

from __future__ import annotations

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_ROW_CHARACTERS = 2_000_000
"""The longest row, in characters; a line of a CSV file may be as long."""

MAX_UNPACKED_BYTES = 4_000_000_000
"""How much XML may be inside a workbook: 1,048,576 rows of about 50 columns have as much. Fits 32 bits."""

DAMAGED = "the content is not an Excel workbook, or it is damaged. Save it as XLSX again."


class WorkbookError(Exception):
    """
    A workbook can't be read.

    :param problem: What is wrong, without any cell's value.
    :param line: The row that is to blame, if one is.
    """

    def __init__(self, problem: str, *, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def check_row(row: int) -> None:
    """
    Check that a row's number is one that Excel has.

    :raises WorkbookError: It isn't.
    """
    if not 0 < row <= MAX_ROWS:
        raise WorkbookError(
            f"the sheet has a row {row}, but Excel's rows end at {MAX_ROWS:,}. "
            "Give the list as CSV, or in several workbooks.",
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
    # Four letters are beyond Excel's last column already.
    for letter in letters[:4]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if not 0 < number <= MAX_COLUMNS:
        raise beyond_columns(row)
    return number - 1


def beyond_columns(row: int) -> WorkbookError:
    """Make the error of a row that has more columns than Excel."""
    return WorkbookError(
        f"row {row} has a cell beyond column XFD: Excel's columns end at {MAX_COLUMNS:,}. Give the list as CSV.",
        line=row,
    )


def check_length(characters: int, row: int) -> None:
    """
    Check that a row's text is not too long.

    :raises WorkbookError: It is.
    """
    if characters > MAX_ROW_CHARACTERS:
        raise WorkbookError(
            f"row {row} has more than {MAX_ROW_CHARACTERS:,} characters, which is too much for a record.", line=row
        )
