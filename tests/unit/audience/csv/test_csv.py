"""CSV's semantics are those of the standard library's ``csv``, in the exact reading and in the fast one."""

from __future__ import annotations

import csv
import io
import random
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.csv import checked_blocks
from airflow_provider_iqm.audience.csv.exact_reader import read_exactly
from airflow_provider_iqm.audience.csv.fast_reader import read_fast
from airflow_provider_iqm.exceptions import AudienceFileError

VALUES = st.text(
    st.one_of(st.sampled_from('",\n\r \tab0;é'), st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    max_size=8,
)
ANY_FILE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
BLOCKS = st.sampled_from([3, 4, 5, 7, 16, 1 << 19])
PIECES = [
    *(character.encode() for character in ["a", '"', ",", "\n", "\r", " ", "\0", "é", "Ã©", "\u3000"]),
    *(b'""', b'","', b'"\n', b'\n"', b"\r\n", b'"\r\n"', b"\n1,2\n", b"\xff", b"\xef\xbb\xbf"),
    *(b"12345", b"1234", b"1.2E+10", b"12345.0"),
]


def result_or_error(read, path, mapped):
    try:
        return read(path, name="list.csv", mapped=mapped)
    except AudienceFileError as error:
        return str(error)


@contextmanager
def blocks_of(size):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", size)
        yield


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=1, max_size=12))
    return [[f"column {number}" for number in range(width)], *rows]


def written(table, line_end, quoting):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(table)
    return text.getvalue()


def as_csv_reads(text):
    return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]


def facts(table):
    header, *rows = table
    blank = {at for at in range(len(header)) if all(not row[at].strip() for row in rows)}
    return tuple(header), len(rows), tuple(map(tuple, rows[:3])), frozenset(blank)


def read_facts(contents):
    return contents.columns, contents.records, contents.first_records, contents.blank_columns


@ANY_FILE
@given(
    table=tables(),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    final=st.booleans(),
    bom=st.booleans(),
    block=BLOCKS,
)
def test_what_csv_writes_is_read_the_same(tmp_path, table, line_end, quoting, final, bom, block):
    text = written(table, line_end, quoting)
    if not final and not text.endswith(('""' + line_end, "," + line_end)):
        text = text.removesuffix(line_end)
    path = tmp_path / "list.csv"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    # Before Python 3.13, csv leaves a lone CR unquoted, and can't read its own text back.
    assume(as_csv_reads(text) == table)
    expected = facts(table)
    assert read_facts(read_exactly(path, name="list.csv")) == expected
    with blocks_of(block):
        fast = read_fast(path, name="list.csv")
    if line_end == "\r":
        assert fast is None or read_facts(fast) == expected
    else:
        assert fast is not None
        assert read_facts(fast) == expected


@ANY_FILE
@given(
    text=st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    ),
    block=BLOCKS,
)
def test_any_bytes_are_read_as_by_the_exact_reader_or_left_to_it(tmp_path, text, block):
    path = tmp_path / "list.csv"
    path.write_bytes(b"x,y\n" + text)
    mapped = {"x": "Residence_Addresses_Zip", "y": "Phone"}
    exact = result_or_error(read_exactly, path, mapped)
    with blocks_of(block):
        fast = result_or_error(read_fast, path, mapped)
    assert fast is None or fast == exact


@ANY_FILE
@given(text=st.text(st.sampled_from('ab",\n\r "'), max_size=60))
def test_mangled_text_never_gets_a_wrong_count(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_bytes(b"x,y\n" + text.encode())
    try:
        rows = as_csv_reads("x,y\n" + text)
    except csv.Error:
        rows = None
    sound = rows is not None and len(rows) > 1 and all(len(row) == 2 for row in rows)
    if sound:
        assert read_exactly(path, name="list.csv").records == len(rows) - 1
    else:
        with pytest.raises(AudienceFileError):
            read_exactly(path, name="list.csv")
    try:
        fast = read_fast(path, name="list.csv")
    except AudienceFileError:
        assert not sound
    else:
        assert fast is None or (sound and fast.records == len(rows) - 1)


def test_a_large_file_is_read_fast_and_exactly(tmp_path):
    dice = random.Random(7)
    rows = [
        [str(n), dice.choice(["a", 'q"q', "x, y", "l1\nl2", "", "Zoë", "01234"]), " " * dice.randrange(2)]
        for n in range(150_000)
    ]
    path = tmp_path / "list.csv"
    path.write_text(written([["id", "value", "blank"], *rows], "\n", csv.QUOTE_MINIMAL), newline="")
    contents = read_fast(path, name="list.csv")
    assert contents is not None
    assert read_facts(contents) == facts([["id", "value", "blank"], *rows])


@pytest.mark.parametrize("line", [120_000, 149_999])
@pytest.mark.parametrize("broken", ["1,2", "1,2,3,4", "1,2,3,", '1,"2,3', '1,"2"x,3', "1,2\0,3", "1,\udcff,3"])
def test_a_fault_late_in_a_large_file_is_found(tmp_path, broken, line):
    lines = ["a,b,c", *["1,2,3"] * 150_000]
    lines[line - 1] = broken
    path = Path(tmp_path, "list.csv")
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    assert read_fast(path, name="list.csv") is None
    with pytest.raises(AudienceFileError) as raised:
        read_exactly(path, name="list.csv")
    assert raised.value.line == line
