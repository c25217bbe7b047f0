"""The fast reader of CSV files: one pass, without parsing. Irregular files are left to the exact reader."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.contents import Contents, ContentsCounter
from airflow_provider_iqm.audience.csv.checked_blocks import CheckedBlocks, IrregularCSVError
from airflow_provider_iqm.audience.csv.exact_reader import check_width, read_first_records, read_header, read_records
from airflow_provider_iqm.audience.damage.damage import checks_for, worth_counting
from airflow_provider_iqm.vocabulary import METADATA_SAMPLE_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_LARGEST_ARRAY = 1 << 23


def read_fast(path: Path, *, name: str, mapped: Mapping[str, str] | None = None) -> Contents | None:
    """
    Read a whole CSV file once, in a few megabytes of memory.

    :param path: The file.
    :param name: The file's name, for messages.
    :param mapped: File column → IQM field, of the columns whose values are checked for damage.
    :return: The contents; ``None`` if the file must be read by the exact reader.
    :raises AudienceFileError: The header or one of the first records is invalid.
    """
    # Imports NumPy, which only a running task needs.
    from airflow_provider_iqm.audience.csv.record_scanner import RecordScanner

    parsed = check_width(read_records(path, name=name), name=name)
    _, columns = read_header(parsed, name=name)
    head = read_first_records(parsed)
    # Makes glibc's malloc keep freed memory of up to this size: page faults would take as long as the scan.
    bytes(_LARGEST_ARRAY)
    counter = ContentsCounter(columns, worth_counting(checks_for(columns, mapped), head))
    blocks, scanner, is_header = CheckedBlocks(path, name=name), RecordScanner(len(columns)), True
    try:
        for block in chain(read_ahead(blocks), [b""]):
            records = scanner.add(block) if block else scanner.finish()
            if is_header and len(records):
                records, is_header = records.without_first(), False
            counter.add_batch(len(records), records)
    except (IrregularCSVError, UnicodeDecodeError):
        return None
    contents = counter.contents()
    if not contents.records:
        return None
    first = tuple(tuple(record) for record in head[:METADATA_SAMPLE_RECORDS])
    return replace(contents, first_records=first, damage=(*contents.damage, *blocks.garbled), sha256=blocks.sha256)


def read_ahead(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Yield blocks, each while a thread reads the next one.

    :param blocks: The blocks.
    """
    iterator, context = iter(blocks), copy_context()

    def read() -> bytes:
        return next(iterator, b"")

    with ThreadPoolExecutor(1) as pool:
        # The context has the progress bar.
        following = pool.submit(context.run, read)
        while block := following.result():
            following = pool.submit(context.run, read)
            yield block
