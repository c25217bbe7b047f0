"""Records from Python (dicts or tuples), written as plain CSV as they are produced."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.csv.writer import write_records
from airflow_provider_iqm.audience.formats.dataframe import check_column_names, text_records
from airflow_provider_iqm.audience.mapping.column_mapping import check_columns
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_CHUNK = 100
"""The number of records in memory at a time."""


def write_python_records(
    records: Iterable[object], path: Path, *, name: str, mapped: Mapping[str, str], max_bytes: int | None = None
) -> None:
    """
    Write records as CSV, a few at a time; :func:`~…value_text.value_text` defines the format of values.

    :param records: Dicts (any mappings) that all have the keys of the first one; or tuples or lists, of which the
        first one has the column names; or named tuples. A generator is closed at the end, also after an error.
    :param path: An existing file; its mode isn't changed.
    :param name: What messages call the records.
    :param mapped: Column → IQM field; if a column is missing, only the first record is read.
    :param max_bytes: Maximum size of the file, in bytes.
    :raises AudienceFileError: There are no records, they differ in their columns, or a value has no text.
    :raises ColumnMappingError: The records don't have a mapped column.
    """
    with closing(records) if isinstance(records, Generator) else nullcontext():
        header, rows = _open(iter(records), mapped, name=name)
        chunks = iter(lambda: list(zip(*islice(rows, _CHUNK), strict=True)), [])
        texts = chain.from_iterable(text_records(header, chunk, name=name) for chunk in chunks)
        write_records(path, chain([header.names], texts), name=name, max_bytes=max_bytes)


def _open(records: Iterator[object], mapped: Mapping[str, str], *, name: str) -> tuple[Header, Iterator[Sequence[Any]]]:
    """Return the header, and each record's values in its order."""
    for first in records:
        if isinstance(first, Mapping):
            header = _header(first, mapped, name=name)
            return header, _mapping_values(header, chain([first], records), name=name)
        if not isinstance(first, tuple | list):
            raise AudienceFileError(
                f"{name}: record 1 is of type {type(first).__name__}. Yield dicts, or tuples of which the first one "
                "has the column names."
            )
        if fields := getattr(first, "_fields", ()):
            header = _header(fields, mapped, name=name)
            return header, _sequence_values(header, chain([first], records), name=name)
        header = _header(first, mapped, name=name)
        return header, _sequence_values(header, records, name=name)
    raise AudienceFileError(
        f"{name} has no records. Check their source, or raise AirflowSkipException to skip the upload instead."
    )


def _header(columns: Iterable[Any], mapped: Mapping[str, str], *, name: str) -> Header:
    header = check_column_names(list(columns), name=name)
    check_columns(mapped, header.names)
    return replace(header, mapped=frozenset(mapped))


def _mapping_values(header: Header, records: Iterable[object], *, name: str) -> Iterator[Sequence[Any]]:
    keys = set(header.names)
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise _other_type(record, number, "a dict", name=name)
        if record.keys() != keys:
            raise _other_keys(header, record, number, name=name)
        yield [record[key] for key in header.names]


def _sequence_values(header: Header, records: Iterable[object], *, name: str) -> Iterator[Sequence[Any]]:
    for number, record in enumerate(records, start=1):
        if not isinstance(record, tuple | list):
            raise _other_type(record, number, "a tuple", name=name)
        if len(record) != len(header.names):
            raise AudienceFileError(
                f"{name}: record {number:,} has {count_of(len(record), 'value')}, but the first tuple has "
                f"{count_of(len(header.names), 'column name')}. Give every record one value for each column, and None "
                "for a missing value."
            )
        yield record


def _other_type(record: object, number: int, expected: str, *, name: str) -> AudienceFileError:
    return AudienceFileError(
        f"{name}: record {number:,} is of type {type(record).__name__}, but the first one is {expected}. Yield records "
        "of one type."
    )


def _other_keys(header: Header, record: Mapping[Any, Any], number: int, *, name: str) -> AudienceFileError:
    missing = [position for position, key in enumerate(header.names) if key not in record]
    if missing:
        difference = f"lacks {header.label(missing[0])}, which the first record has"
    else:
        difference = f"has {count_of(len(record) - len(header.names), 'key')} that the first record doesn't have"
    return AudienceFileError(
        f"{name}: record {number:,} {difference}. Give all records the same keys, and None for a missing value."
    )
