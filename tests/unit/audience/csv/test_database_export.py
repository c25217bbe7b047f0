"""A list that a database has exported, and what is known of it without reading it again."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_iqm.audience import list_reader
from airflow_provider_iqm.audience.csv import database_export
from airflow_provider_iqm.audience.csv.database_export import ExportTally
from airflow_provider_iqm.audience.csv.exact_reader import read_exactly
from airflow_provider_iqm.exceptions import AudienceFileError
from tests.unit.audience.inspection import inspect_file

HEADER = b"email,name\n"
LINES = [f'p{number}@shire.example,"Frodo, the {number}th,\nof his name"\n'.encode() for number in range(50)]


DAMAGED = {"phone": "Phone", "zip": "Residence_Addresses_Zip", "id": "Voters_ID"}
"""Columns whose values are looked over for damage."""

VALUES = st.one_of(
    st.sampled_from(
        ["", " ", "4.41E+11", "4e+11", "501", "2134", "10001", "1/2/2024", "2-Jan", "ZoÃ« \ufffd", '"', ","]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)


def tally(*batches, mapped={"email": "Email"}):  # noqa: B006
    counted = ExportTally(mapped)
    for lines in batches:
        counted.add(lines)
    return counted.export()


def test_the_order_of_the_rows_and_of_their_coming_does_not_matter():
    whole = tally([HEADER, *LINES])
    shuffled = random.Random(1).sample(LINES, len(LINES))
    other = tally([HEADER], shuffled[:7], shuffled[7:])
    assert (other.records, other.fingerprint) == (whole.records, whole.fingerprint)
    assert whole.records == 50


@pytest.mark.parametrize(
    "lines",
    [
        [HEADER, *LINES[1:]],
        [HEADER, *LINES, LINES[0]],
        [HEADER, LINES[0].replace(b"Frodo", b"Bilbo"), *LINES[1:]],
        [HEADER.replace(b"name", b"nom"), *LINES],
        # Two people who have changed their addresses.
        [HEADER, LINES[0].replace(b"p0@", b"p1@"), LINES[1].replace(b"p1@", b"p0@"), *LINES[2:]],
    ],
)
def test_any_other_list_has_another_fingerprint(lines):
    assert tally(lines).fingerprint != tally([HEADER, *LINES]).fingerprint


def test_an_export_is_known_as_a_reading_of_it_knows_it(make_file, monkeypatch):
    path = make_file(b"".join([HEADER, *LINES, "q@shire.example,ZoÃ« \ufffd\n".encode()]))
    known = tally([HEADER, *LINES, b"q@shire.example,Zo\xc3\x83\xc2\xab \xef\xbf\xbd\n"])
    read = inspect_file(path, mapped={"email": "Email"})
    monkeypatch.setattr(list_reader, "SMALL_FILE_BYTES", 0)
    path.write_text("not read again,\n")
    told = inspect_file(path, mapped={"email": "Email"}, export=known)
    assert told.fingerprint == known.fingerprint
    assert (told.columns, told.records, told.samples, told.blank_columns, told.damage) == (
        read.columns,
        read.records,
        read.samples,
        read.blank_columns,
        read.damage,
    )
    assert [found.count for found in told.damage] == [2]


@given(
    extra=st.integers(0, 3),
    batches=st.lists(st.lists(st.tuples(*[VALUES] * 6), min_size=1), min_size=1, max_size=4),
)
def test_what_passes_by_is_known_as_the_exact_reading_knows_it(tmp_path_factory, extra, batches):
    """Whatever the values are, and wherever the columns stand that are looked over."""
    columns = [*"xyz"[:extra], "phone", "zip", "id", *"xyz"[extra:]]
    # What only the first records have looked for in the whole list: here they show all of it.
    shown = [[*"abc"[:extra], "4e+11", "501", an_id, *"abc"[extra:]] for an_id in ("1/2/2024", "4e+11", "1")]
    batches[0][:0] = shown
    lines = [[line(record) for record in batch] for batch in batches]
    known = tally([line(columns)], *lines, mapped=DAMAGED)
    path = tmp_path_factory.mktemp("export") / "list.csv"
    path.write_bytes(line(columns) + b"".join(chain(*lines)))
    read = read_exactly(path, name="list.csv", mapped=DAMAGED)
    # The upload's token comes from the fingerprint: the order of an export's records means nothing.
    assert known.contents == replace(read, sha256=None)


def line(record):
    """Write a record as Postgres does."""
    values = ('"' + value.replace('"', '""') + '"' if set(value) & set('",\r\n') else value for value in record)
    return ",".join(values).encode() + b"\n"


def test_a_column_that_is_blank_throughout_is_told():
    lines = [b"phone,note,zip\n", *[b"3455550100,,12345\n"] * 3]
    contents = tally(lines[:2], lines[2:], mapped=DAMAGED).contents
    assert (contents.blank_columns, contents.damage) == ({1}, ())


def test_many_columns_may_be_blank_throughout():
    width = 50
    columns = ",".join(f"c{number}" for number in range(width)).encode()
    lines = [columns + b"\n", *[b"," * (width - 1) + b"x\n"] * 5]
    contents = tally(lines[:2], lines[2:5], lines[5:]).contents
    assert contents.blank_columns == {*range(width - 1)}


def test_a_list_that_is_to_be_cleaned_is_counted_only():
    known = tally([HEADER, *LINES], mapped=None)
    assert (known.records, known.fingerprint, known.contents) == (50, None, None)


def test_records_of_many_kilobytes_are_left_to_the_reading():
    known = tally([HEADER, *[b"x" * 100_000 + b",\n"] * 50])
    assert (known.records, known.fingerprint, known.contents) == (50, None, None)


def test_a_repr_holds_no_record():
    assert "Frodo" not in repr(tally([HEADER, *LINES]))


def test_what_is_not_utf_8_is_left_to_the_reading_which_tells_where(make_file):
    lines = [HEADER, *LINES, b"z@shire.example,Zo\xeb\n"]
    known = tally(lines[:2], lines[2:])
    assert (known.records, known.fingerprint, known.contents) == (51, None, None)
    with pytest.raises(AudienceFileError, match="UTF-8") as caught:
        inspect_file(make_file(b"".join(lines)), export=known)
    assert caught.value.line == 102


def test_what_is_too_long_for_csv_is_not_taken_on_trust(monkeypatch):
    monkeypatch.setattr(database_export, "LINE_BYTES", 20)
    known = tally([HEADER, *LINES])
    assert (known.records, known.fingerprint, known.contents) == (50, None, None)
