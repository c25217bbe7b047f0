"""
One pass over a CSV file's bytes: garbled text, and what DuckDB's strict mode accepts though ``csv`` doesn't.

Seen in DuckDB 2.0: a NUL is taken as text, a value such as `` "a, b"`` (spaces before the quote) loses its quotes
where RFC 4180 takes them as text, and a lone CR in a file of LFs ends a record or doesn't, as luck has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv.lines import BLOCK_BYTES
from airflow_provider_iqm.audience.damage.garbled import GarbledCounter
from airflow_provider_iqm.audience.duckdb.csv_queries import NULL_MARK

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_iqm.audience.damage.damage import Damage

_STARTS = (b",", b"\r", b"\n")
_LONGEST_INDENT = 1024
_SPACE = ord(" ")


@dataclass(frozen=True)
class ByteScan:
    """
    What a pass over a file's bytes found out.

    :param quotes: Number of double quotes; ``None`` if something is, or looks, odd.
    :param carriage_returns: Whether there is any CR.
    :param garbled: Text that was decoded in the wrong encoding.
    """

    quotes: int | None
    carriage_returns: bool
    garbled: tuple[Damage, ...]

    def quotes_between(self, newline: str) -> int | None:
        """
        Return the number of double quotes; ``None`` if the file must be read by the exact reader.

        :param newline: The end of the file's first line, LF or CRLF.
        """
        return None if newline == "\n" and self.carriage_returns else self.quotes


def scan_bytes(path: Path) -> ByteScan:
    """
    Scan the bytes of a UTF-8 file.

    :param path: The file.
    """
    quotes, odd, carriage_returns = 0, False, False
    garbled = GarbledCounter()
    before = b"\n"
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            carriage_returns = carriage_returns or b"\r" in block
            odd = odd or 0 in block or NULL_MARK in block
            if not odd:
                found, odd = _find_quotes(block, before)
                quotes += found
            garbled.add_bytes(block, carried=before)
            before = block[-_LONGEST_INDENT:] if len(block) >= _LONGEST_INDENT else (before + block)[-_LONGEST_INDENT:]
    return ByteScan(None if odd else quotes, carriage_returns, garbled.damage())


def _find_quotes(block: bytes, before: bytes) -> tuple[int, bool]:
    """
    Count a block's quotes, and return whether one follows spaces at the start of a value.

    :param block: The block.
    :param before: The end of the block before.
    """
    # Going from quote to quote is fastest if there are few of them, and slow if there are many.
    many = len(block) // 64 + 1
    count, position = 0, block.find(b'"')
    while position >= 0 and count < many:
        count += 1
        # A call is slow, and rarely needed.
        if (not position or block[position - 1] == _SPACE) and _is_indented(block, position, before):
            return count, True
        position = block.find(b'"', position + 1)
    if position < 0:
        return count, False
    position -= 1
    while (position := block.find(b' "', position)) >= 0:
        if _is_indented(block, position + 1, before):
            return count, True
        position += 1
    return block.count(b'"'), False


def _is_indented(block: bytes, quote: int, before: bytes) -> bool:
    """Return whether there are only spaces, and at least one, between a quote and the start of its value."""
    if (block[quote - 1] if quote else before[-1]) != _SPACE:
        return False
    text = block[max(0, quote - _LONGEST_INDENT) : quote]
    if quote < _LONGEST_INDENT:
        text = before[-(_LONGEST_INDENT - quote) :] + text
    value = text.rstrip(b" ")
    return not value or value.endswith(_STARTS)
