from __future__ import annotations

import csv
import random

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_iqm.audience import fingerprint as module
from airflow_provider_iqm.audience.fingerprint import fingerprint
from tests.unit.audience.inspection import inspect_file

HEADER = ["email", "name", "zip"]
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
RECORDS = st.lists(st.tuples(st.sampled_from(["a@b.example", "c@d.example"]), VALUES, VALUES), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def of(tmp_path_factory):
    """Give the fingerprint of a list of records."""
    path = tmp_path_factory.mktemp("lists") / "list.csv"

    def fingerprint_of(records, header=HEADER):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *records])
        return fingerprint(inspect_file(path))

    return fingerprint_of


@given(RECORDS, st.randoms())
def test_the_order_of_the_records_does_not_matter(of, records, dice):
    assert of(dice.sample(records, len(records))) == of(records)


@given(RECORDS, RECORDS)
def test_other_records_have_another_fingerprint(of, one, other):
    assert (of(one) == of(other)) == (sorted(one) == sorted(other))


def test_the_column_of_a_value_matters(of):
    fingerprints = {
        of([("a", "b", "")]),
        of([("a", "", "b")]),
        of([("ab", "", "")]),
        of([("a", "b", ""), ("a", "b", "")]),
        of([("a", "b", "")], header=["email", "name", "plz"]),
        of([("a", "b", "")], header=["email", "zip", "name"]),
    }
    assert len(fingerprints) == 6


def test_large_lists_have_the_fingerprint_of_the_exact_reader(tmp_path, monkeypatch):
    dice = random.Random(7)
    odd = ["", " ", "O'Brien", 'the "Mill"', "two\nlines", "Zoë 名前 🎉", "a,b"]
    records = [(f"p{number}@b.example", dice.choice(odd), dice.choice(odd)) for number in range(80_000)]
    path = tmp_path / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *records])
    file = inspect_file(path)
    by_duckdb = module._sums_by_duckdb(file)
    assert by_duckdb == module._sums(file)
    assert fingerprint(file)


def test_workbooks_have_the_fingerprint_of_the_same_csv(of, tmp_path):
    workbook = openpyxl.Workbook()
    for row in [HEADER, ["a@b.example", "Frodo", "01234"]]:
        workbook.active.append(row)
    workbook.save(tmp_path / "list.xlsx")
    assert fingerprint(inspect_file(tmp_path / "list.xlsx")) == of([("a@b.example", "Frodo", "01234")])
