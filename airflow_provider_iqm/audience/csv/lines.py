"""A CSV file's text, line by line, in a bounded piece of memory."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.blocks import read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 1 << 18
"""How much of a file is read at a time."""

MAX_LINE = 2_000_000
"""The longest line, and the longest record, in characters."""

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Coding:
    """
    How a file's bytes stand for text.

    :param encoding: The text's encoding, by Python's name for it.
    :param packed: Whether the whole is gzip-compressed.
    :param sep_line: Whether the first line is Excel's ``sep=;``, which is left out.
    """

    encoding: str = "utf-8"
    packed: bool = False
    sep_line: bool = False


PLAIN = Coding()
"""What IQM takes, and all the rest of the package reads: UTF-8."""


def read_lines(path: Path, *, name: str, coding: Coding = PLAIN) -> Iterator[str]:
    """
    Read a file's lines, each with its line end, as ``open(newline="")`` does.

    A line ends with LF, CRLF or CR, in any mixture; a byte order mark is left out.

    :param path: The file.
    :param name: The file's name, for messages.
    :param coding: How its bytes stand for text.
    :raises AudienceFileError: Bytes that can't be decoded, a NUL, or an endless line, when the line is reached.
    """
    return chain.from_iterable(read_line_blocks(path, name=name, coding=coding))


def read_line_blocks(path: Path, *, name: str, coding: Coding = PLAIN) -> Iterator[list[str]]:
    """
    Read a file's lines as :func:`read_lines` does, as lists: the lines that end in each block of the file.

    :param path: The file.
    :param name: The file's name, for messages.
    :param coding: How its bytes stand for text.
    :raises AudienceFileError: As in :func:`read_lines`.
    """
    decoder = _Decoder(coding.encoding)
    blocks = chain(read_blocks(path, BLOCK_BYTES, name=name, packed=coding.packed), [b""])
    number, rest, left_out = 0, [""], int(coding.sep_line)
    length = 0
    for block in blocks:
        text, fault = decoder.decode(block)
        complete = "\n" in text or "\r" in text or rest[0].endswith("\r")
        rest.append(text)
        length += len(text)
        if block and not fault and not complete and length <= MAX_LINE:
            # Joined when it is complete: else each block would copy a long line anew.
            continue
        lines = io.StringIO("".join(rest), newline="").readlines()
        # The last line may go on in the next block, even after a CR: an LF may follow.
        rest = [lines.pop() if lines and block and fault is None else ""]
        length = len(rest[0])
        if fault and lines and not lines[-1].endswith(("\n", "\r")):
            lines.pop()
        # Only a line that began in an earlier block can be longer.
        if max(length, len(lines[0]) if lines else 0) > MAX_LINE:
            lines.clear()
            fault = f"it is longer than {MAX_LINE:,} characters, which is the limit. Check the file's line ends."
        number += len(lines)
        yield lines[left_out:]
        left_out = max(0, left_out - len(lines))
        if fault is not None:
            raise AudienceFileError(f"{name}: line {number + 1} can't be read: {fault}", line=number + 1)


class _Decoder:
    """Decodes block by block, up to the first fault."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._started = False

    def decode(self, block: bytes) -> tuple[str, str | None]:
        """
        Decode a block, of which an empty one is the end; text before a fault, and the fault.

        The fault is handed back rather than raised: a ``UnicodeDecodeError`` in the chain of another
        error would carry the file's bytes along.
        """
        state = self._decoder.getstate()
        try:
            text, fault = self._decoder.decode(block, final=not block), None
        except UnicodeError as error:
            sound = 0
            if isinstance(error, UnicodeDecodeError):
                # Counted from the end: what the decoder had kept of the block before stands in front.
                sound = max(0, len(block) - (len(error.object) - error.start))
            self._decoder.setstate(state)
            text, fault = self._decoder.decode(block[:sound]), self._fault()
        if text and not self._started:
            self._started = True
            text = text.removeprefix(_BYTE_ORDER_MARK)
        nul = text.find("\0")
        if nul >= 0:
            return text[:nul], "it holds a NUL character. Export the file again as plain CSV in UTF-8."
        return text, fault

    def _fault(self) -> str:
        if self._encoding == PLAIN.encoding:
            return (
                'it isn\'t UTF-8. Save the file in UTF-8, or name its encoding, such as encoding="cp1252" '
                "(Windows-1252)."
            )
        return f"it isn't {self._encoding}. Name the file's real encoding, or save the file in UTF-8."
