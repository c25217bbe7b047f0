"""
A list that a database has exported as CSV, and that needs no second reading.

How such a list is written is the database's promise: it is well-formed, and a record comes at a time, so that it is
counted and fingerprinted on its way to the disk.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.byte_scan import scan_bytes
from airflow_provider_iqm.audience.contents import Contents, blank_throughout
from airflow_provider_iqm.audience.csv_exact import read_head, read_header, read_records
from airflow_provider_iqm.audience.damage import checks_for
from airflow_provider_iqm.audience.duckdb_csv import LINE_BYTES
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Export:
    """
    What is known of a list since it was written.

    :param records: The number of records.
    :param fingerprint: The fingerprint of the content, whatever the order of the records; ``None`` where the list has
        to be read to be known.
    """

    records: int
    fingerprint: str | None = None


class ExportTally:
    """Counts the records of an export, and sums up their hashes: a sum is the same in any order."""

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0
        self._header: bytes | None = None
        self._longest = 0
        self._sum = 0

    def add(self, lines: Sequence[bytes | memoryview]) -> None:
        """
        Take note of lines, each of which is a whole record, line breaks inside of values included; the header first.

        :param lines: The lines.
        """
        from xxhash import xxh3_128_intdigest

        self.bytes += sum(map(len, lines))
        if self._header is None and lines:
            self._header, lines = bytes(lines[0]), lines[1:]
        self.records += len(lines)
        self._longest = max(self._longest, max(map(len, lines), default=0))
        self._sum += sum(map(xxh3_128_intdigest, lines))

    def export(self) -> Export:
        """Give what is known after the last line."""
        if self._longest > LINE_BYTES:
            return Export(self.records)
        content = [(self._header or b"").decode(), self.records, self._sum]
        return Export(self.records, hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32])


def read_export(path: Path, export: Export, *, name: str, mapped: Mapping[str, str] | None) -> Contents | None:
    """
    Tell what is in an exported list by its first records.

    :param path: The file.
    :param export: What is known of it.
    :param name: The file's name, for messages.
    :param mapped: File column → IQM field, of the columns whose values are looked over for damage.
    :return: ``None`` where all records have to be read: for damage in their values, or for a column that may be blank.
    """
    if export.fingerprint is None or not export.records:
        return None
    records = read_records(path, name=name)
    _, columns = read_header(records, name=name)
    if checks_for(columns, mapped):
        return None
    head = read_head(records)
    if blank_throughout(len(columns), head):
        return None
    first = tuple(tuple(record) for record in head[:METADATA_SAMPLE_RECORDS])
    return Contents(columns, export.records, first, frozenset(), scan_bytes(path).garbled)
