"""Records by their columns, read or not."""

from __future__ import annotations

import csv

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_iqm.audience.csv.record_scanner import RecordScanner
from airflow_provider_iqm.audience.records.record_batch import ParsedRecords

VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "",
            '""',
            '" "',
            "\u3000",
            "\x1f",
            "\x7f",
            "a",
            '"a"',
            '"a,b"',
            '"a\nb"',
            '"a""b"',
            '""',
            "Zoë",
            " ",
            "\x1f",
            "\u2028",
        ]
    ),
    st.from_regex(r'[^\0",\r\n]*', fullmatch=True),
)
"""Values as they stand in CSV."""


TABLES = st.integers(1, 5).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width), min_size=1))


def as_csv(texts, line_end="\n"):
    return [(",".join(record) or '""') + line_end for record in texts]


@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.integers(1, 4), st.integers(0, 3))
def test_scanned_values_agree_with_csv(texts, line_end, shortest, more):
    width, longest = len(texts[0]), shortest + more
    lines = as_csv(texts, line_end)
    read = ParsedRecords(list(csv.reader(lines, strict=True)))
    scanned = RecordScanner(width).add("".join(lines).encode())
    assert len(scanned) == len(lines)
    assert scanned.blank_columns(range(width)) == read.blank_columns(range(width))
    for position in range(width):
        values = read.values(position)
        assert scanned.values(position) == values
        limited = scanned.values(position, shortest=shortest, longest=longest)
        fitting = [value for value in values if shortest <= len(value.encode()) <= longest]
        assert [value for value in limited if shortest <= len(value.encode()) <= longest] == fitting
        limits = {"shortest": shortest, "longest": longest}
        assert scanned.count(position, **limits) == read.count(position, **limits)
        for value in values:
            marks = [value[at : at + 2] for at in range(len(value)) if value[at : at + 2].isascii()]
            assert all(scanned.may_contain(position, mark) for mark in marks if '"' not in mark)


def test_the_header_can_be_left_out():
    scanned = RecordScanner(2).add(b"a,b\n1,2\n3,4\n")
    assert scanned.without_first().values(1) == ["2", "4"]
    assert scanned.may_contain(0, "a")
    assert not scanned.may_contain(0, ".0")
