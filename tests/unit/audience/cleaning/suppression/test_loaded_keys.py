"""The keys in DuckDB: what can't suppress anyone is told, and what doesn't fit into the memory is spilled."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError


def test_malformed_values_are_told_with_counts_and_without_values(suppress):
    columns = {"email": "Email", "phone": "Phone"}
    content = "email,phone\na@x.example,6175550101\nb@x.example,6175550102\n"
    suppressed = "phone,email\n617555,a@x.example\n1,\n,frodo\n"
    left, report = suppress(content, suppressed, columns=columns, column_settings={"Email": "Raw", "Phone": "Raw"})
    assert left == ["b@x.example,6175550102"]
    assert report.suppression.warnings == [
        "optouts.csv: 1 malformed value in 'email' can't suppress anyone",
        "optouts.csv: 2 malformed values in 'phone' can't suppress anyone",
    ]
    assert str(report.suppression) == "1 record by 'email', 'phone'; optouts.csv has 3 records"


def test_incomplete_records_are_told(suppress):
    columns = {"street": "Street Address", "state": "State", "zip": "Zip"}
    content = "street,state,zip\n1 Main St,MA,02134\n2 Main St,MA,02134\n"
    suppressed = "street,state,zip\n1 main st,Mass.,02134\n2 Main St,MA,\n,,\n"
    left, report = suppress(content, suppressed, columns=columns, column_settings=None)
    assert left == ["2 Main St,MA,02134"]
    assert report.suppression.warnings == [
        "optouts.csv: 1 incomplete or malformed record in 'street', 'state', 'zip' can't suppress anyone"
    ]


def test_a_file_that_duckdb_never_reads_whole_is_an_error(suppress, monkeypatch):
    from airflow_provider_iqm.audience.cleaning.suppression.suppression_list import SuppressionList

    real = SuppressionList.sources
    monkeypatch.setattr(SuppressionList, "sources", lambda self: ((source, 7) for source, _ in real(self)))
    with pytest.raises(AudienceFileError, match=r"suppression_path: DuckDB could not read optouts.csv"):
        suppress("email\na@x.example\n", "email\nb@x.example\n")


COUNT = 300_000


@pytest.fixture(scope="module")
def large():
    """A list, and a suppression list of every third person and of many others."""
    content = "id,email\n" + "".join(f"{number},Person{number}@Shire.example\n" for number in range(COUNT))
    people = [f"person{number}@shire.example" for number in range(0, 6 * COUNT, 3)]
    left = [f"{number},person{number}@shire.example" for number in range(COUNT) if number % 3]
    return content.encode(), people, left


@pytest.mark.parametrize("is_hashed", [False, True])
def test_a_large_list_keeps_its_order_within_the_memory_limit(suppress, large, is_hashed):
    content, people, expected = large
    values = (hashlib.sha1(person.encode()).hexdigest() for person in people) if is_hashed else people
    suppressed = "\n".join(["email", *values, ""]).encode()
    left, report = suppress(content, suppressed, memory_limit="128MiB")
    assert left == expected
    assert (report.suppression.records, report.suppression.suppressed) == (2 * COUNT, COUNT // 3)


def test_too_little_memory_is_an_error_that_names_the_argument(suppress, large):
    content, people, _ = large
    with pytest.raises(CleaningOptionError, match=r"memory_limit \(16MiB\) is too low"):
        suppress(content, "\n".join(["email", *people, ""]), memory_limit="16MiB")
