"""Records by their columns, read or not."""

from __future__ import annotations

import csv

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_iqm.audience.records.record_batch import ExportedLines, ParsedRecords

VALUES = st.one_of(
    st.sampled_from(["", "a", '"a"', '"a,b"', '"a\nb"', '"a""b"', '""', "Zoë", " ", "\x1f", "\u2028"]),
    st.from_regex(r'[^\0",\r\n]*', fullmatch=True),
)
"""Values as they stand in CSV."""


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width), min_size=1)))
def test_values_of_lines_agree_with_csv(texts):
    width = len(texts[0])
    lines = [(",".join(record) or '""') + "\n" for record in texts]
    records = list(csv.reader(lines, strict=True))
    read = ParsedRecords(records)
    exported = ExportedLines([line.encode() for line in lines], text="".join(lines), width=width)
    for position in range(width):
        assert sorted(exported.values(position)) == sorted(read.values(position))
        for batch in (read, exported):
            assert all(
                value.replace('"', "") in batch.text(position).replace('"', "") for value in read.values(position)
            )
