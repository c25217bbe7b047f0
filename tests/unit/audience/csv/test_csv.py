"""CSV's semantics are those of the standard library's ``csv``, in the exact reading and in the fast one."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

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
)
def test_what_csv_writes_is_read_the_same(tmp_path, duckdb_here, table, line_end, quoting, final, bom):
    text = written(table, line_end, quoting)
    if not final and not text.endswith(('""' + line_end, "," + line_end)):
        text = text.removesuffix(line_end)
    path = tmp_path / "list.csv"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    # Before Python 3.13, csv leaves a lone CR unquoted, and can't read its own text back.
    assume(as_csv_reads(text) == table)
    expected = facts(table)
    assert read_facts(read_exactly(path, name="list.csv")) == expected
    fast = read_fast(path, name="list.csv")
    assert fast is None or read_facts(fast) == expected


@ANY_FILE
@given(text=st.text(st.sampled_from('ab",\n\r "'), max_size=60))
def test_mangled_text_never_gets_a_wrong_count(tmp_path, duckdb_here, text):
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
