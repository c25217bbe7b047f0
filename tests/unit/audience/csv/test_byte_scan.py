"""One look at a file's bytes."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.csv import byte_scan
from airflow_provider_iqm.audience.csv.byte_scan import scan_bytes


def quotes_in(path):
    return scan_bytes(path).quotes_between("\n")


@pytest.mark.parametrize("block", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ('a,b\n1,"x"\n', 2),
        ('a,b\n1, "x"\n', None),
        ('a,b\n   "x",1\n', None),
        ('a,b\n"x ""y"" z",1   \n', 6),
        ('a,b\n"","  "\n', 4),
        ("a,b\n1,\0\n", None),
        ("a,b\n1,2\r\n", None),
    ],
)
def test_oddities_are_seen_across_blocks(make_file, monkeypatch, block, text, quotes):
    monkeypatch.setattr(byte_scan, "BLOCK_BYTES", block)
    assert quotes_in(make_file(text)) == quotes
    monkeypatch.undo()
    assert quotes_in(make_file(text)) == quotes


def test_quotes_are_counted_where_they_are_many(make_file):
    text = '"a","b c"\n' * 1000
    assert quotes_in(make_file(text)) == 4000
    assert quotes_in(make_file(text + '"a", "b"\n')) is None


def test_an_indent_across_a_block_is_seen_as_far_as_it_is_looked_for(make_file, monkeypatch):
    monkeypatch.setattr(byte_scan, "BLOCK_BYTES", 512)
    assert quotes_in(make_file("a,b\n1," + " " * 900 + '"x"\n')) is None
    assert quotes_in(make_file("a,b\n1," + " " * 3000 + '"x"\n')) is None
    assert quotes_in(make_file("a,b\n1,x" + " " * 900 + '"x"\n')) == 2


@pytest.mark.parametrize("block", range(1, 12))
def test_garbled_text_is_counted_once_wherever_a_block_ends(make_file, monkeypatch, block):
    monkeypatch.setattr(byte_scan, "BLOCK_BYTES", block)
    (counted,) = scan_bytes(make_file("Ã©xÃ©Ã©x\ufffd\ufffdâ€™yÂ°SÃO")).garbled
    assert counted.count == 7
