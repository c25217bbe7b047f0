"""Detects text that was decoded in the wrong encoding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.damage.damage import Damage, DamageKind
from airflow_provider_iqm.audience.records.record_batch import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable

# UTF-8 that was decoded as Windows-1252 or Latin-1 and encoded again: Ã, Â or â€, followed by certain characters, since
# "SÃO" is Portuguese. Also U+FFFD, which replaces bytes that couldn't be decoded.
_GARBLED = re.compile(rb"\xc3\x83[\xc2\xc5\xc6\xcb\xe2]|\xc3\x82\xc2|\xc3\xa2\xe2\x82\xac|\xef\xbf\xbd")
_MARKS = (b"\x82", b"\x83", b"\xef")
_LONGEST = 5


class GarbledCounter:
    """Counts the places where text was decoded in the wrong encoding."""

    def __init__(self) -> None:
        self._count = 0
        self._batch: list[str] = []

    def add(self, record: Iterable[str]) -> None:
        """Count the places in a record; records are collected in batches."""
        self._batch.append("\0".join(record))
        if len(self._batch) == BATCH:
            self._count_batch()

    def add_bytes(self, text: bytes, *, carried: bytes = b"") -> None:
        """
        Count the places in UTF-8 text.

        :param text: The text.
        :param carried: The text before it, which was already counted.
        """
        carried = carried[1 - _LONGEST :]
        # The check for single bytes, which rules out most text, is much faster than the pattern.
        if any(mark in text or mark in carried for mark in _MARKS):
            self._count += sum(match.end() > len(carried) for match in _GARBLED.finditer(carried + text))

    def damage(self) -> tuple[Damage, ...]:
        """Return the damage."""
        self._count_batch()
        return (Damage(DamageKind.GARBLED, self._count),) if self._count else ()

    def _count_batch(self) -> None:
        self.add_bytes("\0".join(self._batch).encode("utf-8", "replace"))
        self._batch.clear()
