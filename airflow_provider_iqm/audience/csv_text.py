"""A CSV file's text, line by line, in a bounded piece of memory."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 1 << 18
"""How much of a file is read at a time."""

MAX_LINE = 2_000_000
"""The longest line, in characters: far longer than any record."""


def read_lines(path: Path, *, name: str) -> Iterator[str]:
    """
    Read a UTF-8 file's lines, each with its line end, as ``open(newline="")`` does.

    A line ends with LF, CRLF or CR, in any mixture; a byte order mark is left out.

    :param path: The file.
    :param name: The file's name, for messages.
    :raises AudienceFileError: Bytes that aren't UTF-8, a NUL, or an endless line, when the line is reached.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    number, rest, fault = 0, "", None
    with path.open("rb", buffering=0) as file:
        while fault is None:
            block = file.read(BLOCK_BYTES)
            text, fault = _decode(decoder, block)
            lines = io.StringIO(rest + text, newline="").readlines()
            # The last line may go on in the next block, even after a CR: an LF may follow.
            rest = lines.pop() if lines and block and fault is None else ""
            if fault and lines and not lines[-1].endswith(("\n", "\r")):
                lines.pop()
            number += len(lines)
            yield from lines
            if not block and fault is None:
                return
            if len(rest) > MAX_LINE:
                fault = f"it is longer than {MAX_LINE:,} characters. Check the file's line ends and quotes."
    raise AudienceFileError(f"{name}: line {number + 1} can't be read: {fault}", line=number + 1)


def _decode(decoder: codecs.IncrementalDecoder, block: bytes) -> tuple[str, str | None]:
    """
    Decode a block; text before a fault, and the fault.

    The fault is handed back rather than raised: a ``UnicodeDecodeError`` in the chain of another
    error would carry the file's bytes along.
    """
    try:
        text, fault = decoder.decode(block, final=not block), None
    except UnicodeDecodeError as error:
        text = bytes(error.object[: error.start]).decode("utf-8-sig")
        fault = "it isn't UTF-8. Save the file in UTF-8 (it may be in Windows-1252 or Latin-1 now)."
    nul = text.find("\0")
    if nul >= 0:
        return text[:nul], "it holds a NUL character. Export the file again as plain CSV in UTF-8."
    return text, fault
