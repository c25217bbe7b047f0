"""A list that a database has exported, and what is known of it without reading it again."""

from __future__ import annotations

import random

import pytest

from airflow_provider_iqm.audience import export
from airflow_provider_iqm.audience.export import ExportTally
from airflow_provider_iqm.audience.file import inspect_file

HEADER = b"email,name\n"
LINES = [f'p{number}@shire.example,"Frodo, the {number}th,\nof his name"\n'.encode() for number in range(50)]


def tally(*batches):
    counted = ExportTally()
    for lines in batches:
        counted.add(lines)
    return counted.export()


def test_the_order_of_the_rows_and_of_their_coming_does_not_matter():
    whole = tally([HEADER, *LINES])
    shuffled = random.Random(1).sample(LINES, len(LINES))
    assert tally([HEADER], shuffled[:7], [memoryview(line) for line in shuffled[7:]]) == whole
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


def test_an_export_is_known_as_a_reading_of_it_knows_it(make_file):
    path = make_file(b"".join([HEADER, *LINES, "q@shire.example,ZoÃ« \ufffd\n".encode()]))
    known = tally([HEADER, *LINES, b"q@shire.example,Zo\xc3\x83\xc2\xab \xef\xbf\xbd\n"])
    read = inspect_file(path, mapped={"email": "Email"})
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


def test_an_export_is_read_where_its_values_have_to_be_looked_over(make_file):
    text = b"phone,note\n" + b"4.41E+11,\n" * 3
    found = inspect_file(make_file(text), mapped={"phone": "Phone"}, export=tally(text.splitlines(keepends=True)))
    assert [damage.label for damage in found.damage] == ["scientific notation (phone)"]
    found = inspect_file(make_file(text), mapped={"note": "City"}, export=tally(text.splitlines(keepends=True)))
    assert found.blank_columns == {"note"}


def test_what_is_too_long_for_csv_is_not_taken_on_trust(monkeypatch):
    monkeypatch.setattr(export, "LINE_BYTES", 20)
    assert tally([HEADER, *LINES]).fingerprint is None
