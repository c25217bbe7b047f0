"""
A list that a database has exported as CSV, and that mostly needs no second reading.

How such a list is written is the database's promise: it is well-formed, and a record comes at a time, so that all that
has to be known of it is taken in on its way to the disk.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents, ContentsCounter
from airflow_provider_iqm.audience.csv.checked_blocks import BLOCK_BYTES, IrregularCSVError, check_text
from airflow_provider_iqm.audience.damage.damage import checks_for, worth_counting
from airflow_provider_iqm.audience.damage.garbled import GarbledCounter
from airflow_provider_iqm.audience.duckdb.csv_queries import LINE_BYTES
from airflow_provider_iqm.audience.records.record_batch import BATCH, ParsedRecords, parse_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_iqm.audience.csv.record_scanner import RecordScanner

LINES = BATCH + 1
"""How many lines are to be taken in at a time: the header, and as many records as others read before they judge."""

_BATCH_BYTES = 4_000_000
"""How many bytes of lines are to be taken in at a time, at most; what is cut here is left to the reading."""


@dataclass(frozen=True)
class Export:
    """
    What is known of a list since it was written.

    :param records: The number of records.
    :param fingerprint: The fingerprint of the content, whatever the order of the records.
    :param contents: What is in it. ``None`` where it has to be read to be known, as for the fingerprint.
    """

    records: int
    fingerprint: str | None = None
    contents: Contents | None = None


class LineBatch:
    """
    Gathers lines, up to so many and so many bytes.

    :param take: Called with the lines, a batch at a time; the list is used again.
    """

    def __init__(self, take: Callable[[list[bytes]], object]) -> None:
        self._take = take
        self._lines: list[bytes] = []
        self._bytes = 0

    def add(self, line: bytes) -> None:
        """
        Gather a line.

        :param line: The line.
        """
        self._lines.append(line)
        self._bytes += len(line)
        if len(self._lines) == LINES or self._bytes >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what is gathered."""
        if self._lines:
            self._take(self._lines)
        self._lines.clear()
        self._bytes = 0


class ExportTally:
    """
    Takes in the records of an export, and sums up their hashes: a sum is the same in any order.

    :param mapped: File column → IQM field, of the columns whose values are looked over for damage. ``None`` where
        nothing but the number of records will be asked for.
    """

    def __init__(self, mapped: Mapping[str, str] | None) -> None:
        self.records = 0
        self.bytes = 0
        self._mapped = mapped
        self._sum = 0
        self._header = b""
        self._contents: ContentsCounter | None = None
        self._scanner: RecordScanner | None = None
        self._garbled = GarbledCounter()
        self._known = mapped is not None

    def add(self, lines: Sequence[bytes]) -> bytes:
        """
        Take note of lines, each of which is a whole record, line breaks inside of values included; the header first.

        :param lines: The lines.
        :return: Their text.
        """
        text = b"".join(lines)
        self.bytes += len(text)
        if lines and not self._header:
            self._header, lines = lines[0], lines[1:]
        self.records += len(lines)
        fits = len(text) <= LINE_BYTES or (len(text) < _BATCH_BYTES and max(map(len, lines)) <= LINE_BYTES)
        self._known = self._known and fits
        if self._known:
            try:
                self._look_over(lines, text)
            except (IrregularCSVError, UnicodeDecodeError, csv.Error):
                # The database promised well-formed UTF-8, and the reading tells where it isn't; or somebody in this
                # process has lowered csv's limit for the length of values.
                self._known = False
        return text

    def _look_over(self, lines: Sequence[bytes], text: bytes) -> None:
        # Imported when a task runs.
        from xxhash import xxh3_64_intdigest

        from airflow_provider_iqm.audience.csv.record_scanner import RecordScanner

        self._sum += sum(map(xxh3_64_intdigest, lines))
        self._garbled.add_bytes(text)
        if not lines:
            return
        if self._contents is None:
            # The first records are shown as they stand, in their order.
            columns, *first = parse_records([self._header, *lines])
            checks = worth_counting(checks_for(columns, self._mapped), first)
            self._contents = ContentsCounter(tuple(columns), checks)
            self._contents.add(first)
            self._scanner = RecordScanner(len(columns))
        elif check_text(text):
            raise IrregularCSVError
        elif not self._contents.wanted:
            self._contents.add_batch(len(lines), ParsedRecords([]))
        else:
            self._scan(text, count=len(lines))

    def _scan(self, text: bytes, *, count: int) -> None:
        assert self._scanner  # noqa: S101 - the first records were added
        assert self._contents  # noqa: S101
        for start in range(0, len(text), BLOCK_BYTES):
            records = self._scanner.add(text[start : start + BLOCK_BYTES])
            self._contents.add_batch(len(records), records)
            count -= len(records)
        if count:
            raise IrregularCSVError

    def export(self) -> Export:
        """Give what is known after the last line."""
        if not self._known or self._contents is None:
            return Export(self.records)
        content = [self._header.decode(), self.records, self._sum]
        fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
        contents = self._contents.contents()
        contents = replace(contents, damage=(*contents.damage, *self._garbled.damage()))
        return Export(self.records, fingerprint, contents)
