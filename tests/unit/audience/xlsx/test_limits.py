"""No workbook kills the task or takes its memory: what Excel can't hold is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.audience.xlsx import workbook
from airflow_provider_iqm.audience.xlsx.reader import package
from airflow_provider_iqm.audience.xlsx.reader.errors import WorkbookError
from tests.unit.audience.inspection import inspect_file
from tests.unit.audience.xlsx.raw_workbook import HEADER, RECORD, sheet_data, write_workbook

MB = 1 << 20
LONG = "x" * 1_000_001


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        ('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', 1048576, "row 1048576 has a value to the right"),
        ('<row r="9"><c r="ZZZZZZZZ9"><v>1</v></c></row>', 9, "row 9 has a cell beyond column XFD"),
        ('<row r="9"><c r="XFE9"><v>1</v></c></row>', 9, "row 9 has a cell beyond column XFD"),
        ('<row r="9"><c r="ZZZ9"/></row>', 9, "Excel's columns end at 16,384"),
        ('<row r="1048577"><c r="A1048577"><v>1</v></c></row>', 1048577, "a row 1048577, but Excel's rows end at"),
        ('<row r="4294967297"><c r="A4294967297"/></row>', 4294967297, "a row 4294967297, but Excel's rows end at"),
        ('<row r="0"><c r="A0"/></row>', 0, "row 0 follows row 2"),
        ('<row r="3"><c r="XFD1048576"><v>1</v></c></row>', 3, "row 3 has a cell of row 1048576"),
        ('<row r="3"><c r="A4294967299"><v>1</v></c></row>', 4294967299, "a row 4294967299, but"),
        ('<row r="3"><c r="A3"><v>1</v></c><c r="A3"><v>2</v></c></row>', 3, "two values for the cell A3"),
        ('<row r="2"><c r="A2"><v>1</v></c></row>', 2, "row 2 follows row 2 in the file"),
        ('<row r="3">' + "<c/>" * 16_385 + "</row>", 3, "row 3 has a cell beyond column XFD"),
        ('<row r="3"><c r="A3" t="s"><v>7</v></c></row>', None, "it is damaged"),
        ('<row r="3"><c r="A3" t="s"><v>-1</v></c></row>', None, "it is damaged"),
        ('<row r="3"><c r="3A"><v>1</v></c></row>', 3, "it is damaged"),
        ('<row r="3"><c r="A3"><v>&nbsp;</v></c></row>', None, "it is damaged"),
        (f'<row r="3"><c r="A3" t="inlineStr"><is><t>{2 * LONG}</t></is></c></row>', 3, "2,000,000 characters"),
        (
            f'<row r="3"><c r="A3" t="str"><v>{LONG}</v></c><c r="B3" t="str"><v>{LONG}</v></c></row>',
            3,
            "row 3 has more than 2,000,000 characters",
        ),
    ],
)
def test_rows_and_columns_beyond_excels_limits_are_rejected(tmp_path, refuse, rows, line, says):
    error = refuse(write_workbook(tmp_path / "list.xlsx", sheet_data(rows)))
    assert says in str(error)
    assert error.line in (line, None)
    assert len(str(error)) < 400


@pytest.mark.parametrize("before", ["", "<!-- -->"], ids=["usual", "unusual"])
def test_the_limits_are_excels(tmp_path, before):
    cells = "".join(f'<c r="{letters}1" t="str"><v>{letters}</v></c>' for letters in ("A", "B"))
    sheet = (
        f'{before}<sheetData><row r="1">{cells}</row><row r="1048576"><c r="B1048576"><v>1</v></c></row></sheetData>'
    )
    file = inspect_file(write_workbook(tmp_path / "list.xlsx", sheet))
    assert (file.records, file.samples) == (1, {"A": ("",), "B": ("1",)})


def test_cleaning_drops_sparse_rows_that_are_too_wide(tmp_path):
    path = write_workbook(tmp_path / "list.xlsx", sheet_data('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'))
    with prepare_upload(
        file_path=path,
        audience_name="x",
        columns={"a": "Residence_FullAddress"},
        drop_duplicates=True,
        max_invalid_ratio=0.5,
    ) as upload:
        assert (upload.report.records_read, upload.report.records_kept) == (2, 1)


def test_blank_cells_are_counted(tmp_path, monkeypatch, refuse):
    monkeypatch.setattr(workbook, "_MAX_CELLS", 1000)
    rows = (f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(3, 1000))
    path = write_workbook(tmp_path / "list.xlsx", sheet_data(*rows))
    error = refuse(path)
    assert "has more than 1,000 cells up to row 999, under a header of 2 columns. Remove columns" in str(error)
    assert error.line == 999


def bomb(kind: str) -> dict:
    piece = "a" * MB
    return {
        "tag": {"sheet": ["<sheetData>", HEADER, '<row r="3" x="', *[piece] * 100, '"/></sheetData>']},
        "comment": {"sheet": ["<sheetData>", HEADER, "<!--", *[piece] * 100, "--></sheetData>"]},
        "text": {
            "sheet": sheet_data('<row r="3"><c r="A3" t="inlineStr"><is><t>', *[piece] * 100, "</t></is></c></row>")
        },
        "shared text": {"sheet": sheet_data(), "strings": ["<si><t>", *[piece] * 100, "</t></si>"]},
        "cells": {"sheet": sheet_data('<row r="3">', *["<c/>" * 250_000] * 100, "</row>")},
        "rows": {"sheet": ["<sheetData>", HEADER, RECORD, *["<row/>" * 100_000] * 11, "</sheetData>"]},
        "one long text, often": {
            "sheet": sheet_data('<row r="3">', '<c t="s"><v>0</v></c>' * 16_384, "</row>"),
            "strings": f"<si><t>{LONG}</t></si>",
        },
        "entities": {"sheet": sheet_data(), "strings": ["<!DOCTYPE x>"]},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("tag", "has a tag or comment of more than 4,000,000 bytes"),
        ("comment", "has a tag or comment of more than 4,000,000 bytes"),
        ("text", "a cell's text has more than 2,000,000 characters"),
        ("shared text", "a cell's text has more than 2,000,000 characters"),
        ("cells", "row 3 has a cell beyond column XFD"),
        ("rows", "a row 1048577, but Excel's rows end at 1,048,576"),
        ("one long text, often", "row 3 has more than 2,000,000 characters"),
        ("entities", "it is damaged"),
    ],
)
def test_zip_bombs_are_rejected_in_little_memory(tmp_path, kind, says):
    path = write_workbook(tmp_path / "list.xlsx", **bomb(kind))
    outcome = measure(path, memory_limit="64MiB")
    assert says in outcome["says"]
    assert outcome["task"] < 16 * MB
    assert outcome["helper"] < 64 * MB


def test_many_texts_are_spilled_to_disk(tmp_path):
    count = 200_001
    strings = (f"<si><t>{number:060d}</t></si>" for number in range(count))
    # From the last to the first, so that none is near the one before.
    rows = (
        f'<row r="{number + 2}"><c r="A{number + 2}" t="s"><v>{count - 1 - number}</v></c></row>'
        for number in range(0, count, 3)
    )
    path = write_workbook(tmp_path / "list.xlsx", ["<sheetData>", HEADER, *rows, "</sheetData>"], strings=strings)
    outcome = measure(path, memory_limit="64MiB")
    assert outcome["says"] == f"{count // 3} {count - 1:060d}"
    assert outcome["task"] < 16 * MB
    assert outcome["helper"] < 64 * MB


def test_too_little_memory_is_reported_as_such(tmp_path):
    path = write_workbook(tmp_path / "list.xlsx", sheet_data(), strings=["<si><t/></si>" * 100_000] * 150)
    error = measure(path, memory_limit="48MiB")["says"]
    assert "list.xlsx: reading the workbook needs more memory than memory_limit (48MiB) allows. Raise" in error


def test_unpacked_bytes_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(package, "MAX_UNPACKED_BYTES", 5_000_000)
    path = write_workbook(tmp_path / "list.xlsx", ["<sheetData/>", *[" " * MB] * 5])
    workbook = package.Package(path)
    with pytest.raises(WorkbookError, match="unpacked, the workbook has more than 5,000,000 bytes"):
        for _ in workbook.pieces(workbook.sheet(None)):
            pass


MEASURE = """
import json, resource, sys
from pathlib import Path
from tests.unit.audience.inspection import inspect_file
from airflow_provider_iqm.exceptions import IQMError

def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024

before = peak()
try:
    file = inspect_file(sys.argv[1], memory_limit=sys.argv[2])
    says = f"{file.records} {file.samples[file.columns[0]][0]}"
except IQMError as error:
    says = str(error)
helper = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"says": says, "task": peak() - before, "helper": helper}))
"""


def measure(path, *, memory_limit):
    """Inspect a workbook in its own process, and return how much memory that took."""
    command = [sys.executable, "-c", MEASURE, str(path), memory_limit]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
