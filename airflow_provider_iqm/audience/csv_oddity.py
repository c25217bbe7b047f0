"""
The oddities of CSV that DuckDB's strict reading lets pass, found in the bytes.

Each was seen in DuckDB 2.0: a NUL is taken as text, a value such as `` "a, b"`` (spaces before the quote) loses its
quotes where RFC 4180 takes them as text, and CR and LF in one file are told apart by luck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv_text import BLOCK_BYTES
from airflow_provider_iqm.audience.duckdb_csv import NULL_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SPACE, _QUOTE = b" "[0], b' "'
_STARTS = frozenset(b",\r\n")
_LONGEST_INDENT = 1024


def has_oddity(path: Path, *, newline: str) -> bool:
    """
    Look for anything that only the exact reading can be trusted with; a false alarm costs time and nothing else.

    :param path: The file.
    :param newline: Its first line's end, LF or CRLF.
    """
    before = b"\n"
    with path.open("rb", buffering=0) as file:
        while piece := file.read(BLOCK_BYTES):
            if 0 in piece or NULL_MARK in piece or (newline == "\n" and b"\r" in piece):
                return True
            block = before + piece
            if any(_opens_value(block, position) for position in _spaced_quotes(block)):
                return True
            # Spaces at the end may belong to a quote in the next block.
            text = block[-_LONGEST_INDENT:].rstrip(b" ")
            if not text:
                return True
            before = block[len(text) - 1 - _LONGEST_INDENT :] if len(block) >= _LONGEST_INDENT else block
    return False


def _spaced_quotes(block: bytes) -> Iterator[int]:
    """Give the position of each space that stands right before a quote."""
    # split() hops from quote to quote, which is the fastest way where they are few; where they are many, find() is.
    pieces = block.split(b'"', len(block) // 64)
    if len(pieces) <= len(block) // 64:
        position = -1
        for piece in pieces[:-1]:
            position += len(piece) + 1
            if piece.endswith(b" "):
                yield position - 1
        return
    position = block.find(_QUOTE)
    while position >= 0:
        yield position
        position = block.find(_QUOTE, position + 1)


def _opens_value(block: bytes, position: int) -> bool:
    """Whether nothing but spaces stands between the start of a value and this position, which holds a space."""
    while position >= 0 and block[position] == _SPACE:
        position -= 1
    return position < 0 or block[position] in _STARTS
