"""A pandas DataFrame or an Arrow table, written as plain CSV; neither library is needed for the other."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.audience.contents import check_header
from airflow_provider_iqm.audience.csv.writer import write_records
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.audience.records.value_text import value_text
from airflow_provider_iqm.exceptions import AudienceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CHUNK = 10_000


def write_dataframe(dataframe: Any, path: Path, *, name: str = "dataframe", max_bytes: int | None = None) -> None:
    """
    Write a table as CSV, a piece at a time; each value as :func:`~…value_text.value_text` writes it.

    :param dataframe: A pandas DataFrame, whose index is left out; or a table, a batch or a stream of Arrow's, or
        whatever else hands itself out by Arrow's PyCapsule interface (``__arrow_c_stream__``).
    :param path: The file, whose mode stays as it is.
    :param name: What messages call it.
    :param max_bytes: Maximum size of the file, in bytes.
    :raises AudienceFileError: It is no table, or holds what has no text; the error names the column.
    """
    columns, chunks = _open(dataframe, name=name)
    header = check_column_names(columns, name=name)
    records = chain.from_iterable(text_records(header, chunk, name=name) for chunk in chunks)
    write_records(path, chain([columns], records), name=name, max_bytes=max_bytes)


def check_column_names(columns: Sequence[Any], *, name: str) -> Header:
    """
    Check the names of columns, and return them as a header.

    :param columns: The names.
    :param name: What messages call the table.
    :raises AudienceFileError: A name isn't text, is blank, or occurs twice; or there is none.
    """
    for position, column in enumerate(columns, start=1):
        if not isinstance(column, str):
            raise AudienceFileError(
                f"{name}: column {position} of {len(columns)} has a name of type {type(column).__name__}. "
                "Give every column a name that is text."
            )
    check_header(columns, name=name, line=1)
    return Header(tuple(columns))


def is_dataframe(value: object) -> bool:
    """Return whether a value is a pandas DataFrame, or has Arrow's PyCapsule interface."""
    return _is_of_pandas(value) or hasattr(value, "__arrow_c_stream__")


def _is_of_pandas(value: object) -> bool:
    # Whoever has a DataFrame has imported pandas.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _open(dataframe: Any, *, name: str) -> tuple[list[Any], Iterator[list[list[Any]]]]:
    """Give the columns' names, and the values in pieces: a list for each column."""
    if _is_of_pandas(dataframe):
        return list(dataframe.columns), _pandas_chunks(dataframe)
    if hasattr(dataframe, "__arrow_c_stream__"):
        import pyarrow

        # A single column, which a Series is, can be a stream too, but is no table.
        with suppress(pyarrow.ArrowInvalid):
            reader = pyarrow.RecordBatchReader.from_stream(dataframe)
            return list(reader.schema.names), _arrow_chunks(reader)
    raise AudienceFileError(
        f"{name} is of type {type(dataframe).__name__}. Give a pandas DataFrame, or a table of Arrow's."
    )


def _pandas_chunks(frame: Any) -> Iterator[list[list[Any]]]:
    for start in range(0, len(frame), _CHUNK):
        chunk = frame.iloc[start : start + _CHUNK]
        yield [_pandas_values(chunk.iloc[:, position]) for position in range(chunk.shape[1])]


def _pandas_values(series: Any) -> list[Any]:
    if str(series.dtype) in ("float16", "float32"):
        # As a double, 0.1 would become 0.10000000149011612.
        return [float(str(value)) for value in series.to_numpy()]
    values: list[Any] = series.astype(object).where(series.notna(), None).tolist()
    return values


def _arrow_chunks(reader: Any) -> Iterator[list[list[Any]]]:
    for batch in reader:
        for start in range(0, batch.num_rows, _CHUNK):
            yield [_arrow_values(column) for column in batch.slice(start, _CHUNK).columns]


def _arrow_values(column: Any) -> list[Any]:
    if str(column.type) == "float":
        # A single: as a double, 0.1 would become 0.10000000149011612.
        return [None if text is None else float(text) for text in column.cast("string").to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def text_records(header: Header, chunk: Sequence[Sequence[Any]], *, name: str) -> Iterator[Sequence[str]]:
    """
    Turn columns of values into records of texts; each value as :func:`~…value_text.value_text` writes it.

    :param header: The columns' names.
    :param chunk: Each column's values.
    :param name: What messages call the table.
    :raises AudienceFileError: A column holds what has no text.
    """
    texts = [_texts(header, position, values, name=name) for position, values in enumerate(chunk)]
    return zip(*texts, strict=True)


def _texts(header: Header, position: int, values: Sequence[Any], *, name: str) -> list[str]:
    refused = ""
    try:
        return [value if type(value) is str else value_text(value) for value in values]
    except TypeError as error:
        refused = str(error)
    raise AudienceFileError(
        f"{name}: the {header.label(position)} holds values of type {refused}, which have no text of their own. "
        "Turn them into text, or leave the column out."
    )
