"""A list written as plain CSV: commas, UTF-8, RFC 4180; a piece at a time."""

from __future__ import annotations

import csv
import io
from itertools import chain, islice
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.records.header_line import header_line
from airflow_provider_iqm.audience.records.record_batch import batches, line_batches
from airflow_provider_iqm.exceptions import AudienceFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_BATCH = 2000


def write_records(path: Path, records: Iterable[Sequence[str]], *, name: str, max_bytes: int | None = None) -> None:
    """
    Write records, the header first; one without any value becomes an empty line.

    :param path: The file, whose mode stays as it is.
    :param records: Each record's values.
    :param name: The list's name, for messages.
    :param max_bytes: How large the file may become.
    :raises AudienceFileError: It becomes larger, or a value is no Unicode text.
    """
    records = iter(records)
    header = (f"{header_line(columns)}\r\n" for columns in islice(records, 1))
    _write(path, chain(header, map(_as_csv, batches(records, _BATCH))), name=name, max_bytes=max_bytes)


def write_lines(path: Path, lines: Iterable[str], *, name: str, max_bytes: int | None = None) -> None:
    """
    Write lines that are plain CSV already.

    :param path: The file, whose mode stays as it is.
    :param lines: The lines, each with its line end.
    :param name: The list's name, for messages.
    :param max_bytes: How large the file may become.
    :raises AudienceFileError: It becomes larger, or is no Unicode text.
    """
    _write(path, map("".join, line_batches(lines, _BATCH)), name=name, max_bytes=max_bytes)


def _write(path: Path, pieces: Iterable[str], *, name: str, max_bytes: int | None) -> None:
    written, line, encoded = 0, 0, b""
    with path.open("wb", buffering=1 << 18) as file:
        for piece in pieces:
            try:
                encoded = piece.encode()
            except UnicodeEncodeError as error:
                line += piece.count("\n", 0, error.start) + 1
                break
            line += piece.count("\n")
            written += len(encoded)
            if max_bytes is not None and written > max_bytes:
                raise AudienceFileError(
                    f"{name}: as plain CSV in UTF-8, the list has more than {max_bytes:,} bytes, which is too much. "
                    "Split the list, or leave out columns that aren't mapped."
                )
            file.write(encoded)
        else:
            return
    raise AudienceFileError(
        f"{name}: line {line} can't be written in UTF-8: it holds half of a surrogate pair, which is no character. "
        "Correct it where the list is made.",
        line=line,
    )


def _as_csv(records: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    # With CRLF as its line end, which is RFC 4180's, csv quotes a value with a lone CR or LF in it.
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue()
