"""Dicts and tuples, written as CSV and read back."""

from __future__ import annotations

import csv
from collections import UserDict, namedtuple
from datetime import date
from decimal import Decimal

import pytest

from airflow_provider_iqm.audience.formats.python_records import write_python_records
from airflow_provider_iqm.exceptions import AudienceFileError, ColumnMappingError

SECRET = "frodo@shire.example"
EMAIL = {"email": "Email"}
Person = namedtuple("Person", "email zip")


@pytest.fixture
def write(tmp_path):
    def written(records, **arguments):
        path = tmp_path / "list.csv"
        write_python_records(records, path, name="The list", **{"mapped": EMAIL, **arguments})
        with path.open(newline="") as file:
            return list(csv.reader(file))

    return written


LISTS = {
    "dicts": [{"email": "a@b.example", "zip": "01234"}, {"zip": None, "email": "c@d.example"}],
    "other mappings": [UserDict(email="a@b.example", zip="01234"), {"email": "c@d.example", "zip": None}],
    "tuples": [("email", "zip"), ("a@b.example", "01234"), ("c@d.example", None)],
    "lists": [["email", "zip"], ["a@b.example", "01234"], ["c@d.example", None]],
    "named tuples": [Person("a@b.example", "01234"), Person("c@d.example", None)],
    "named tuples after a header": [("email", "zip"), Person("a@b.example", "01234"), Person("c@d.example", None)],
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("wrap", [list, iter, lambda records: (record for record in records)])
def test_records_of_each_kind_become_the_same_file(write, kind, wrap):
    assert write(wrap(LISTS[kind])) == [["email", "zip"], ["a@b.example", "01234"], ["c@d.example", ""]]


def test_values_are_written_as_those_of_a_query(write):
    record = {"email": SECRET, "n": 7, "d": Decimal("1.50"), "day": date(2026, 5, 1), "yes": True, "missing": None}
    assert write([record])[1] == [SECRET, "7", "1.50", "2026-05-01", "true", ""]


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_many_records_keep_their_order(write, count):
    rows = write({"email": f"{number}@b.example"} for number in range(count))
    assert rows == [["email"], *([f"{number}@b.example"] for number in range(count))]


WRONG = {
    "none": ([], "The list has no records"),
    "text": ([SECRET], "record 1 is of type str"),
    "None": ([None], "record 1 is of type NoneType"),
    "another type": ([{"email": SECRET}, (SECRET,)], "record 2 is of type tuple, but the first one is a dict"),
    "a later text": ([("email",), SECRET], "record 1 is of type str, but the first one is a tuple"),
    "a missing key": ([{"email": SECRET, "zip": "1"}, {"email": SECRET}], "record 2 lacks column 'zip'"),
    "another key": ([{"email": SECRET}, {"email": SECRET, SECRET: 1}], "record 2 has 1 key that the first record"),
    "a misspelled key": ([{"email": SECRET, "zip": 1}, {"email": SECRET, "zpi": 1}], "record 2 lacks column 'zip'"),
    "a short tuple": ([("email", "zip"), (SECRET, 1), (SECRET,)], "record 2 has 1 value, but the first tuple has 2"),
    "a long tuple": ([("email",), (SECRET, SECRET)], "record 1 has 2 values, but the first tuple has 1 column name"),
    "no text as a name": ([{"email": SECRET, 7: 1}], "column 2 of 2 has a name of type int"),
    "a blank name": ([("email", " "), (SECRET, 1)], "column 2 of 2 has no name"),
    "a name twice": ([("email", "email"), (SECRET, 1)], "the name 'email' twice"),
    "bytes": ([{"email": SECRET.encode()}], "column 'email' holds values of type bytes"),
    "half a character": ([{"email": SECRET + "\ud800"}], "line 2 can't be written in UTF-8"),
}


@pytest.mark.parametrize("case", WRONG)
def test_refuses_what_is_no_list_and_shows_no_value(write, case):
    records, says = WRONG[case]
    with pytest.raises(AudienceFileError) as caught:
        write(records)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("first", [(SECRET, "Frodo"), {}, {"mail": SECRET}, {SECRET: "Frodo"}])
def test_a_missing_column_fails_before_the_second_record(write, first):
    def records():
        yield first
        pytest.fail("reads on")

    with pytest.raises(ColumnMappingError) as caught:
        write(records())
    assert "columns maps 'email', but the file has no such column" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("ending", ["all read", "a wrong record", "too large"])
def test_a_generator_is_closed(write, ending):
    closed = []

    def records():
        try:
            yield {"email": SECRET}
            if ending == "a wrong record":
                yield SECRET
            while ending == "too large":
                yield {"email": SECRET}
        finally:
            closed.append(True)

    if ending == "all read":
        write(records())
    else:
        # While somebody holds on to the error and its traceback.
        with pytest.raises(AudienceFileError):
            write(records(), max_bytes=100_000)
    assert closed == [True]


def test_an_endless_list_ends_at_the_limit(write):
    def records():
        while True:
            yield {"email": SECRET}

    with pytest.raises(AudienceFileError, match="more than 1,000,000 bytes"):
        write(records(), max_bytes=1_000_000)
