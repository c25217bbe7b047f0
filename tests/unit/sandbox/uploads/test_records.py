from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.sandbox.uploads.records import HEAD_BYTES, CsvReader, RecordScanner

BOM = b"\xef\xbb\xbf"
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=6)


def rows_of(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]


def read(data: bytes, piece: int = 1 << 16) -> tuple[tuple[str, ...], int]:
    reader = CsvReader()
    for start in range(0, len(data), piece):
        reader.feed(data[start : start + piece])
    return reader.finish()


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(["a", '"', '""', ",", "\r", "\n", "\r\n", " ", "é", '"x\ny",', "\0"])).map("".join),
    st.integers(1, 9),
)
def test_any_text_has_as_many_records_as_the_csv_module_finds(text: str, piece: int) -> None:
    scanner = RecordScanner()
    data = text.encode()
    for start in range(0, len(data), piece):
        scanner.feed(data[start : start + piece])
    assert scanner.records == len(rows_of(text))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=20),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.booleans(),
)
def test_files_of_the_csv_module_are_counted(rows, end: str, quoting: int, bom: bool) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(rows)
    data = BOM * bom + text.getvalue().encode()
    # Before Python 3.13 the writer leaves a CR unquoted where lines end in LF: more rows than were meant.
    found = rows_of(text.getvalue())
    assert read(data, 7) == (tuple(found[0]), len(found) - 1)


@pytest.mark.parametrize(
    ("data", "header", "records"),
    [
        (b"a,b\n1,2\n", ("a", "b"), 1),
        (b"a,b\r\n1,2", ("a", "b"), 1),
        (b"a,b\r1,2\r3,4\r", ("a", "b"), 2),
        (BOM + b"a,b\n1,2\n", ("a", "b"), 1),
        (b"\r\n\na,b\n\n\n1,2\n\n", ("a", "b"), 1),
        (b'"a\r\nx","b ""c"""\n"1\n\n\r2",\n', ("a\r\nx", 'b "c"'), 1),
        (b'a\n5" pipe\n7" pipe\n', ("a",), 2),
        (b'a\n""\n', ("a",), 1),
        (b'a\n"unclosed\n1\n2\n', ("a",), 1),
        ("Straße\nx".encode(), ("Straße",), 1),
        (b"a\n\xff\xfe\n", ("a",), 1),
        (b"a", ("a",), 0),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_headers_and_counts(data: bytes, header: tuple[str, ...], records: int, piece: int) -> None:
    assert read(data, piece) == (header, records)


@pytest.mark.parametrize("data", [b"", BOM, b"\r\n\n", BOM + b"\n"])
def test_a_file_without_a_header_is_empty(data: bytes) -> None:
    with pytest.raises(ValueError, match="empty"):
        read(data)


def test_a_short_file_that_begins_like_a_bom() -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        read(BOM[:2])


def test_an_endless_header_is_rejected_in_constant_memory() -> None:
    with pytest.raises(ValueError, match="longer than"):
        read(b"ab," * HEAD_BYTES)


def test_records_are_counted_across_pieces() -> None:
    data = b"id,note\r\n" + b'1,"a, ""b""\r\nc"\r\n' * 50_000
    assert read(data, 4093) == (("id", "note"), 50_000)
