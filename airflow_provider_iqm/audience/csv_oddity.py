"""
A CSV file's bytes, looked over for what DuckDB's strict reading lets pass although ``csv`` doesn't.

Seen in DuckDB 2.0: a NUL is taken as text, a value such as `` "a, b"`` (spaces before the quote) loses its quotes
where RFC 4180 takes them as text, and a lone CR in a file of LFs ends a record or doesn't, as luck has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.csv_text import BLOCK_BYTES
from airflow_provider_iqm.audience.duckdb_csv import NULL_MARK

if TYPE_CHECKING:
    from pathlib import Path

_STARTS = (b",", b"\r", b"\n")
_LONGEST_INDENT = 1024


def count_quotes(path: Path, *, newline: str) -> int | None:
    """
    Count a file's double quotes, unless it has an oddity that only the exact reading can be trusted with.

    :param path: The file.
    :param newline: Its first line's end, LF or CRLF.
    :return: The number of double quotes; ``None`` for an oddity, or what looks like one.
    """
    quotes, carried = 0, b"\n"
    with path.open("rb", buffering=0) as file:
        while piece := file.read(BLOCK_BYTES):
            if 0 in piece or NULL_MARK in piece or (newline == "\n" and b"\r" in piece):
                return None
            # Spaces at the end of a block, and what is before them, belong to a quote at the start of the next.
            block = carried + piece if piece.startswith((b" ", b'"')) else piece
            found, indented = _find_quotes(block)
            if indented:
                return None
            quotes += found - (carried.count(b'"') if block is not piece else 0)
            end = block[-_LONGEST_INDENT:]
            indent = len(end) - len(end.rstrip(b" "))
            if indent == len(end):
                return None
            carried = end[-indent - 1 :]
    return quotes


def _find_quotes(block: bytes) -> tuple[int, bool]:
    """Count a block's quotes, and tell whether one stands behind the spaces that a value starts with."""
    # split() hops from quote to quote, which is the fastest way where they are few. Where they are many it isn't.
    many = len(block) // 64
    pieces = block.split(b'"', many)
    if len(pieces) <= many:
        return len(pieces) - 1, any(_is_indent(piece) for piece in pieces[:-1] if piece.endswith(b" "))
    position = block.find(b' "')
    while position >= 0:
        if _is_indent(block[max(0, position - _LONGEST_INDENT) : position + 1]):
            return 0, True
        position = block.find(b' "', position + 1)
    return block.count(b'"'), False


def _is_indent(text: bytes) -> bool:
    """Whether nothing but spaces stands between the start of a value and the end of this text."""
    before = text.rstrip(b" ")
    return before.endswith(_STARTS) or len(text) - len(before) >= _LONGEST_INDENT
