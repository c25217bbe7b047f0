"""DataFrames of pandas and tables of Arrow, written as CSV and read back."""

from __future__ import annotations

import csv
import datetime
import subprocess
import sys
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.formats import dataframe as module
from airflow_provider_iqm.audience.formats.dataframe import write_dataframe
from airflow_provider_iqm.exceptions import AudienceFileError
from tests.unit.audience.conftest import SECRET, assert_keeps_secret


@pytest.fixture
def written(tmp_path):
    def write(frame):
        path = tmp_path / "frame.csv"
        write_dataframe(frame, path)
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file, strict=True))

    return write


def test_a_pandas_frame_is_written_without_damage(written):
    frame = pd.DataFrame(
        {
            "zip": ["00501", None, "10002"],
            "id": [15332, None, 4412345678901],
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "ratio": np.array([0.1, np.nan, 2], dtype="float32"),
            "born": pd.to_datetime(["1990-09-22", None, "2001-02-03"]),
            "seen": [pd.Timestamp("2026-01-02 03:04:05"), None, pd.Timestamp("2026-01-02")],
            "price": [Decimal("1.50"), None, Decimal("1E-7")],
            "yes": [True, None, False],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "kind": pd.Categorical(["a", None, "b"]),
            "mixed": [np.int64(7), pd.NA, datetime.date(2026, 1, 2)],
        },
        index=[7, 7, 9],
    )
    assert frame["id"].dtype == "float64"
    assert written(frame) == [
        list(frame.columns),
        ["00501", "15332", "1", "0.1", "1990-09-22", "2026-01-02T03:04:05", "1.50", "true", "true", "a", "7"],
        [""] * len(frame.columns),
        [
            "10002",
            "4412345678901",
            "3",
            "2",
            "2001-02-03",
            "2026-01-02",
            "0.0000001",
            "false",
            "false",
            "b",
            "2026-01-02",
        ],
    ]


TABLE = pa.table(
    {
        "zip": pa.array(["00501", None]),
        "id": pa.array([15332.0, None]),
        "big": pa.array([2**63 - 1, None]),
        "ratio": pa.array([0.1, None], pa.float32()),
        "born": pa.array([datetime.date(1990, 9, 22), None]),
        "seen": pa.array([datetime.datetime(2026, 1, 2, 3, 4, 5), None]),
        "price": pa.array([Decimal("1.50"), None]),
        "yes": pa.array([True, None]),
        "kind": pa.array(["a", None]).dictionary_encode(),
    }
)
WRITTEN = [
    list(TABLE.schema.names),
    ["00501", "15332", "9223372036854775807", "0.1", "1990-09-22", "2026-01-02T03:04:05", "1.50", "true", "a"],
    [""] * 9,
]


class Capsule:
    """Anything that hands itself out by Arrow's PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema=None):
        return TABLE.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "frame",
    [
        TABLE,
        TABLE.to_batches()[0],
        pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches()),
        Capsule(),
    ],
    ids=["table", "batch", "reader", "capsule"],
)
def test_arrow_is_written_without_damage(written, frame):
    assert written(frame) == WRITTEN


def test_a_duckdb_relation_is_written(written):
    assert written(duckdb.sql("SELECT '007' AS id, 1.50::DECIMAL(9, 2) AS price")) == [["id", "price"], ["007", "1.50"]]


@pytest.mark.parametrize("chunk", [1, 2, 10_000])
def test_long_frames_are_written_in_pieces(written, monkeypatch, chunk):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    frame = pd.DataFrame({"n": range(5)})
    expected = [["n"], ["0"], ["1"], ["2"], ["3"], ["4"]]
    assert written(frame) == expected
    assert written(pa.Table.from_pandas(frame)) == expected


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame({"a": ["x"], "b": [SECRET.encode()]}), "the column 'b' holds values of type bytes"),
        (pa.table({"a": ["x"], "b": [SECRET.encode()]}), "the column 'b' holds values of type bytes"),
        (pd.DataFrame({"a": [[SECRET]]}), "the column 'a' holds values of type list"),
        (pa.table({"a": [[SECRET]]}), "the column 'a' holds values of type list"),
        (pd.DataFrame({1: [SECRET]}), "column 1 of 1 has a name of type int"),
        (pd.DataFrame([[SECRET, 2]], columns=["a", "a"]), "the name 'a' twice"),
        (pa.Table.from_arrays([pa.array([SECRET])] * 2, ["a", "a"]), "the name 'a' twice"),
        (pd.DataFrame({"a": [SECRET], " ": [1]}), "column 2 of 2 has no name"),
        (pd.DataFrame({"a": ["x", SECRET + "\ud800"]}, dtype=object), "line 3 can't be written in UTF-8"),
        ([SECRET], "of type list"),
        (pd.Series([SECRET]), "of type Series"),
    ],
)
def test_refuses_what_is_no_list(tmp_path, frame, says):
    with pytest.raises(AudienceFileError) as caught:
        write_dataframe(frame, tmp_path / "frame.csv")
    assert_keeps_secret(caught.value)
    assert says in str(caught.value)


VALUES = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(columns=st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=4), arrow=st.booleans())
def test_any_text_comes_back_the_same(written, columns, arrow):
    table = {f"column {number}": values for number, values in enumerate(columns)}
    frame = pa.table({name: pa.array(values, pa.string()) for name, values in table.items()})
    header, *rows = written(frame if arrow else pd.DataFrame(table, dtype=object))
    assert header == list(table)
    assert rows == [[value or "" for value in row] for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(("used", "other"), [("pandas", "pyarrow"), ("pyarrow", "pandas")])
def test_neither_library_needs_the_other(tmp_path, used, other):
    frame = {"pandas": "pandas.DataFrame({'a': ['x']})", "pyarrow": "pyarrow.table({'a': ['x']})"}[used]
    script = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == '{other}':\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from pathlib import Path; from airflow_provider_iqm.audience.formats.dataframe import write_dataframe\n"
        f"assert '{used}' not in sys.modules; import {used}\n"
        f"write_dataframe({frame}, Path({str(tmp_path / 'x.csv')!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.csv").read_bytes() == b"a\r\nx\r\n"
