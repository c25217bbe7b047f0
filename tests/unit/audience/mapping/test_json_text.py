"""Mappings that come as text, from a Variable, a Param or a template."""

from __future__ import annotations

import json

import pytest

from airflow_provider_iqm.audience.cleaning.options import Cleaning
from airflow_provider_iqm.audience.mapping.json_text import parse_json_text
from airflow_provider_iqm.audience.upload import check_arguments, prepare_upload
from airflow_provider_iqm.exceptions import ColumnMappingError

COLUMNS = {"email": "Email", 'Zoë\'s "zip"': "Zip"}
SETTINGS = {"Email": "SHA256"}


@pytest.mark.parametrize("written", [json.dumps, repr, str, lambda value: f"\n {json.dumps(value, indent=2)} "])
def test_a_mapping_may_be_text(written):
    _, mapping = check_arguments(audience_name="x", columns=written(COLUMNS), column_settings=written(SETTINGS))
    assert list(mapping.columns) == list(COLUMNS)
    assert mapping.settings == SETTINGS


def test_a_file_is_prepared_with_text_too(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email,zip\nfrodo@shire.example,01234\n")
    options = {"columns": '{"email": "Email"}', "hash_columns": "{'email': 'SHA256'}"}
    with prepare_upload(file_path=path, audience_name="x", **options) as upload:
        assert upload.mapping.columns == {"email": "Email"}
        assert upload.mapping.settings == {"Email": "SHA256"}


def test_the_columns_to_hash_may_be_text():
    assert Cleaning(hash_columns='{"email": "SHA256"}') == Cleaning(hash_columns={"email": "SHA256"})


WRONG = {
    "": "it is blank",
    "email=Email": "not a valid JSON object",
    '{"email": "Email"': "not a valid JSON object",
    '["email"]': "is not a JSON object but a list",
    '"email"': "is not a JSON object but a str",
    "7": "is not a JSON object but a int",
    "null": "is not a JSON object but a NoneType",
    "None": "is not a JSON object but a NoneType",
    '{"email": "Email", "email": "Phone"}': "a duplicate key",
    '{"email": {"a": 1}}': "must map strings to strings",
    '{"email": 7}': "must map strings to strings",
    "{" * 100_000: "nested too deeply",
    "__import__('os').getcwd()": "not a valid JSON object",
    "x" * 2_000_000: "2,000,000 characters",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
@pytest.mark.parametrize("argument", ["columns", "column_settings", "hash_columns"])
def test_other_text_is_refused_with_the_arguments_name(text, argument):
    arguments = {"audience_name": "x", "columns": {"email": "Email"}, "column_settings": SETTINGS, argument: text}
    with pytest.raises(ColumnMappingError) as raised:
        check_arguments(**arguments)
    message = str(raised.value)
    assert argument in message
    assert len(message) < 300
    if argument == "columns" and not text.startswith("{" * 9):
        assert WRONG[text] in message
    assert raised.value.__cause__ is None


def test_a_list_may_be_text_where_one_is_taken():
    assert parse_json_text("[1, 'a']") == parse_json_text('[1, "a"]') == [1, "a"]
