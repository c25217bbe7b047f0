from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.csv.lines import MAX_LINE
from tests.unit.audience.inspection import inspect_file

SECRET = "Frodo-0x7"

BAD = {
    "too few values": (f"a,b\n1,2\n{SECRET}\n", 3, "line 3 has 1 value, but the header has 2 columns"),
    "too many values": (f"a,b\n1,2\n{SECRET},2,3\n", 3, "line 3 has 3 values, but the header has 2 columns"),
    "one empty value too many": (f"a,b\n{SECRET},2,\n", 2, "line 2 has 3 values"),
    "a comma in the only column": (f"a\n{SECRET},\n", 2, "line 2 has 2 values, but the header has 1 column"),
    "ragged after quoted breaks": (f'a,b\n"1\n\r\n2",3\n\n{SECRET}\n', 6, "line 6 has 1 value"),
    "ragged, CR": (f"a,b\r1,2\r{SECRET}\r", 3, "line 3 has 1 value"),
    "unclosed quote": (f'a,b\n1,2\n3,"{SECRET}\n5,6\n', 3, "line 3 is never closed"),
    "unclosed, second line of record": (f'a,b,c\n"1\n2","{SECRET}\n5,6\n', 3, "line 3 is never closed"),
    "unclosed at the end": (f'a\n{SECRET}\n"', 3, "line 3 is never closed"),
    "unclosed in the header": (f'a,"b\n{SECRET},2\n', 1, "line 1 is never closed"),
    "unclosed and long": (f'a,b\n1,"{SECRET}\n' + "x,y\n" * 100_000, 2, "line 2 is never closed"),
    "text after a closing quote": (f'a,b\n1,2\n"x"{SECRET},4\n', 3, "line 3 has text after a closing quote"),
    "text after a quote that opens earlier": (
        f'a,b\n1,"2\n3,4\n5,"{SECRET}"\n',
        2,
        "line 4 has text after a closing quote, in the value that starts on line 2",
    ),
    "space after a closing quote": (f'a,b\n"{SECRET}" ,4\n', 2, "line 2 has text after a closing quote"),
    "a name twice": (f"a,b,a\n1,{SECRET},3\n", 1, "the name 'a' twice, in columns 1 and 3"),
    "an empty name": (f"a,,c\n1,{SECRET},3\n", 1, "column 2 of 3 has no name"),
    "a blank name": (f"a, \n1,{SECRET}\n", 1, "column 2 of 2 has no name"),
    "no records": ("a,b\n", None, "a header (line 1) but no records"),
    "no records but blank lines": ("a,b\n\n\r\n", None, "a header (line 1) but no records"),
    "nothing but blank lines": ("\n\r\n\n", None, "nothing but blank lines"),
    "not UTF-8": (f"a,b\n1,2\n{SECRET},Zo".encode() + b"\xeb\n", 3, "line 3 can't be read: it isn't UTF-8"),
    "not UTF-8 after CRs": (f"a,b\r1,2\r{SECRET},".encode() + b"\xff", 3, "line 3 can't be read: it isn't UTF-8"),
    "not UTF-8 at a line's start": (f"a\n{SECRET}\n".encode() + b"\xff", 3, "line 3 can't be read: it isn't UTF-8"),
    "cut off inside a character": (f"a\n{SECRET}".encode() + b"\xc3", 2, "line 2 can't be read: it isn't UTF-8"),
    "NUL": (f"a,b\n1,2\n{SECRET},\0\n", 3, "line 3 can't be read: it holds a NUL"),
    "endless line": (f"a\n{SECRET}\n" + "x" * (MAX_LINE + 300_000), 3, "line 3 can't be read: it is longer than"),
}


@pytest.mark.parametrize("case", BAD)
def test_tells_what_is_wrong_and_where(make_file, refuse, case):
    content, line, says = BAD[case]
    error = refuse(make_file(content))
    assert str(error).startswith("list.csv: ")
    assert says in str(error)
    assert error.line == line


@pytest.mark.parametrize("case", BAD)
def test_a_large_file_is_refused_as_a_small_one_is(make_file, refuse, monkeypatch, case):
    monkeypatch.setattr("airflow_provider_iqm.audience.list_reader.SMALL_FILE_BYTES", 0)
    content, line, says = BAD[case]
    error = refuse(make_file(content))
    assert says in str(error)
    assert error.line == line


def test_the_first_fault_is_told(make_file, refuse):
    content = f"a,b\n{SECRET}\n".encode() + b"1,2\n" * 10 + b"\xff\0"
    assert refuse(make_file(content)).line == 2


def test_a_line_and_a_character_may_span_blocks(make_file, monkeypatch):
    monkeypatch.setattr("airflow_provider_iqm.audience.csv.lines.BLOCK_BYTES", 1)
    found = inspect_file(make_file("\ufeffä,b\r\nZoë,2\r\rłé,4\r\n"))
    assert found.columns == ("ä", "b")
    assert found.samples == {"ä": ("Zoë", "łé"), "b": ("2", "4")}
