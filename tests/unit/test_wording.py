"""Counts and names in messages."""

from __future__ import annotations

import io

import pytest

from airflow_provider_iqm.wording import as_unicode, count_of, display_name, is_unicode, printable_on, quote_names


@pytest.mark.parametrize(("number", "text"), [(0, "0 users"), (1, "1 user"), (2, "2 users"), (1204, "1,204 users")])
def test_one_is_singular(number, text):
    assert count_of(number, "user") == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "list.csv"),
        ("Liste für José.csv", "Liste für José.csv"),
        ("list.csv ", "'list.csv '"),
        ("J\udcf6rg.csv", r"'J\udcf6rg.csv'"),
        ("a\nb.csv", r"'a\nb.csv'"),
        ("a\u200bb.csv", r"'a\u200bb.csv'"),
    ],
)
def test_a_name_that_could_be_misread_is_quoted(name, text):
    assert display_name(name) == text


def test_names_are_quoted():
    assert quote_names(["email ", "it's", "\ud800"]) == r"""'email ', "it's", '\ud800'"""


def test_invalid_unicode_is_replaced():
    assert not is_unicode("J\udcf6rg")
    assert as_unicode("J\udcf6rg") == "J\ufffdrg"
    assert is_unicode(as_unicode("\ud83d\ude00"))
    assert as_unicode("Jörg 😀") == "Jörg 😀"


@pytest.mark.parametrize(
    ("encoding", "text"), [("ascii", r"J\xf6rg \udce9"), ("latin-1", r"Jörg \udce9"), ("utf-8", r"Jörg \udce9")]
)
def test_characters_that_a_terminal_lacks_are_escaped(encoding, text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert printable_on(stream, "Jörg \udce9") == text
