"""How to read a list, as far as the user sets it: delimiter, encoding, sheet."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from airflow_provider_iqm.exceptions import ReadingOptionError

_HOST_NAME_ENCODINGS = ("idna", "punycode")
"""Python's text encodings that no file is written in, and that can't be decoded block by block."""


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """
    How to read a list; what isn't set is detected.

    :param delimiter: Field delimiter. Default: the one under which the header has the mapped columns.
    :param encoding: Text encoding, by Python's name. Default: that of the byte order mark, or UTF-8.
    :param sheet: The workbook's sheet. Default: the first.
    :raises ReadingOptionError: One of them is invalid.
    """

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the file."""
        for argument in ("delimiter", "encoding", "sheet"):
            value: object = getattr(self, argument)
            if value is not None and not isinstance(value, str):
                raise ReadingOptionError(f"{argument} must be text, but it is of type {type(value).__name__}.")
        if self.delimiter is not None and not is_delimiter(self.delimiter):
            raise ReadingOptionError(
                f"delimiter is {self.delimiter!r}. It must be one character, such as a comma, a semicolon, a tab or a "
                "pipe."
            )
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise ReadingOptionError(
                f"encoding is {self.encoding!r}, which isn't a text encoding that Python reads files in. Use one such "
                "as utf-8, cp1252 (Windows-1252), latin-1 or utf-16-le."
            )


def is_delimiter(text: str) -> bool:
    """
    Return whether a text can be a field delimiter.

    :param text: The text.
    """
    return len(text) == 1 and not text.isalnum() and text not in '"\r\n\0 '


def _is_encoding(name: str) -> bool:
    """Return whether Python has a text encoding of this name that files are written in; ``hex`` isn't one."""
    try:
        "a".encode(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        return False
    return codecs.lookup(name).name not in _HOST_NAME_ENCODINGS
