from __future__ import annotations

import json

import pytest

SECRET = "ann@example.com"
NAMES = {"a": "Voters_FirstName", "b": "Voters_LastName", "c": "Residence_Addresses_State"}
PLACE = {"c": "Residence_Addresses_State", "d": "Residence_Addresses_Zip"}
STREET = PLACE | {"e": "Residence_Addresses_AddressLine"}
WIDE = b"a,b,c,d,e,f\n1,2,3,4,5,6\n"
NO_SETTINGS = {"columnSettings": None, "isSingleColumnEnabled": "false"}


def refusal(answer) -> str:
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body.keys() == {"statusCode", "responseObject"}
    assert body["responseObject"].keys() == {"errorMsg", "errorCode"}
    assert (body["statusCode"], body["responseObject"]["errorCode"]) == (400, 400)
    message: str = body["responseObject"]["errorMsg"]
    assert SECRET not in message
    return message


@pytest.mark.parametrize(
    ("columns", "settings"),
    [
        (NAMES | PLACE, None),
        (STREET | {"b": "Voters_LastName"}, None),
        (STREET, None),
        (STREET | {"a": "Email", "f": "Voters_Age"}, None),
        ({"a": "NPI_ID"}, {"NPI_ID": "hl_npi_id"}),
        ({"a": "NPI_ID"}, {"NPI_ID": "healthcare_id"}),
        ({"a": "Voters_ID"}, {"Voters_ID": "voterbase_id"}),
        ({"a": "Phone"}, {"Phone": "SHA1"}),
        ({"a": "Email", "b": "Voters_LastName"}, {"Email": "SHA256"}),
        ({"a": "Email", "b": "Phone"}, {"Email": "Other", "Phone": "MD5"}),
        (STREET | {"a": "Email"}, {"Email": "Raw"}),
        ({"a": "VoterTelephones_CellphoneUnformatted", "b": "Email"}, {"Email": "SHA512"}),
    ],
)
def test_each_kind_of_mapping_is_accepted(account, sandbox, columns: dict, settings: dict | None) -> None:
    flag = "false" if settings is None else "true"
    account.new_id(content=WIDE, columns=columns, columnSettings=settings, isSingleColumnEnabled=flag)
    audience = sandbox.audiences[0]
    assert (audience.columns, audience.column_settings) == (columns, settings)
    assert audience.single_column is (settings is not None)


def test_a_full_address_requires_no_setting(account, sandbox) -> None:
    account.new_id(columns={"email": "Residence_FullAddress"}, columnSettings=None)
    assert (sandbox.audiences[0].column_settings, sandbox.audiences[0].single_column) == (None, True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (None, "columns is required"),
        ("{", "columns is not well-formed JSON"),
        ("[" * 100_000, "columns is not well-formed JSON"),
        ('{"email": "Email", "email": "Phone"}', "columns is not well-formed JSON"),
        ([], "columns must be a JSON object"),
        ({}, "columns is empty"),
        ({"Email": "Email"}, "the column 'Email', which the file's header does not have"),
        ({"email": "email"}, "the field 'email', which IQM does not have"),
        ({"email": None}, "the field None, which IQM does not have"),
        ({"email": ["Email"]}, "the field ['Email'], which IQM does not have"),
        ({"email": "LalVoterID"}, "in an upload, it is 'Voters_ID'"),
        ({"email": "Email", "zip": "Email"}, "the field 'Email' twice"),
        ({"zip": "Residence_Addresses_Zip"}, "none of the combinations"),
    ],
)
def test_invalid_mappings(account, sandbox, columns, message: str) -> None:
    assert message in refusal(account.upload(columns=columns))
    assert sandbox.audiences == []


@pytest.mark.parametrize("columns", [NAMES, PLACE, PLACE | {"b": "Voters_LastName"}, {"a": "Voters_Age"}])
def test_combinations_must_be_complete(account, columns: dict) -> None:
    assert "none of the combinations" in refusal(account.upload(WIDE, columns=columns, **NO_SETTINGS))


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({"a": "Email"}, None, "columnSettings is required for Email"),
        ({"a": "Email", "b": "Phone"}, None, "columnSettings is required for Email or Phone"),
        ({"a": "Email"}, {}, "columnSettings is empty"),
        ({"a": "Email"}, "no", "not well-formed"),
        ({"a": "Email"}, [], "must be a JSON object"),
        ({"a": "Email"}, {"Phone": "MD5"}, "has 'Phone', which is not a mapped key"),
        ({"a": "Email"}, {"Email": "sha256"}, "sets 'Email' to 'sha256'; valid settings are MD5, Other, Raw"),
        ({"a": "Email"}, {"Email": 3}, "sets 'Email' to 3"),
        ({"a": "Email"}, {"Email": ["MD5"]}, "sets 'Email' to ['MD5']"),
        ({"a": "NPI_ID"}, {"NPI_ID": "LalVoterID"}, "valid settings are healthcare_id, hl_npi_id"),
        ({"a": "Voters_ID"}, {"Voters_ID": "hl_npi_id"}, "sets 'Voters_ID' to 'hl_npi_id'"),
        ({"a": "Residence_FullAddress"}, {"Residence_FullAddress": "Raw"}, "must be left out"),
        ({"a": "Residence_FullAddress"}, {}, "must be left out"),
    ],
)
def test_invalid_column_settings(account, columns: dict, settings, message: str) -> None:
    assert message in refusal(account.upload(WIDE, columns=columns, columnSettings=settings))


@pytest.mark.parametrize(
    ("flag", "columns", "message"),
    [
        (None, {"a": "Email"}, "isSingleColumnEnabled is required"),
        ("True", {"a": "Email"}, "isSingleColumnEnabled is required"),
        ("1", {"a": "Email"}, "isSingleColumnEnabled is required"),
        ("false", {"a": "Email"}, "is false, but"),
        ("true", STREET, "is true, but"),
        ("false", STREET | {"a": "Email"}, "columnSettings must be left out"),
    ],
)
def test_the_flag_must_match_the_mapping(account, flag: str | None, columns: dict, message: str) -> None:
    answer = account.upload(WIDE, columns=columns, isSingleColumnEnabled=flag)
    assert message in refusal(answer)


@pytest.mark.parametrize("name", [None, "", "  "])
def test_the_name_must_not_be_empty(account, name: str | None) -> None:
    assert refusal(account.upload(audienceName=name)) == "Audience name can not be null."


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (None, "fileTotalCount is required"),
        ("", "fileTotalCount is required"),
        ("2.0", "fileTotalCount is required"),
        ("-2", "fileTotalCount is required"),
        ("٢", "fileTotalCount is required"),
        (3, "fileTotalCount is 3, but the file has 2 records"),
    ],
)
def test_the_count_must_be_exact(account, count, message: str) -> None:
    assert message in refusal(account.upload(fileTotalCount=count))


def test_records_are_counted_instead_of_lines(account, sandbox) -> None:
    content = b'\xef\xbb\xbfemail,zip\r\n\r\n"a\r\nb",1\r\n\r\nc,"2\n3"'
    form = {
        "columns": ["email", "zip"],
        "fileName": "people.csv",
        "fileSize": len(content),
        "columnValues": {"email": ["a\r\nb", "c"], "zip": ["1", "2\n3"]},
        "rows": 2,
    }
    assert "5, but the file has 2" in refusal(account.upload(content, metadata=form, fileTotalCount=5))
    account.new_id(content=content, metadata=form, fileTotalCount=2)
    assert sandbox.audiences[0].header == ("email", "zip")


GOOD = {"email": [SECRET], "zip": ["01234"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ["zip", "email"]}, "metadata.columns is not the file's header"),
        ({"columns": None}, "metadata.columns is not the file's header"),
        ({"fileName": "other.csv"}, "metadata.fileName is not"),
        ({"fileSize": 3}, "metadata.fileSize is 3, but 57 bytes were received"),
        ({"fileSize": "57"}, "metadata.fileSize is required"),
        ({"rows": True}, "metadata.rows is required"),
        ({"rows": 0}, "metadata.rows is 0, but 2 records are in the file"),
        ({"columnValues": None}, "metadata.columnValues must have each column"),
        ({"columnValues": {"email": [SECRET]}}, "metadata.columnValues must have each column"),
        ({"columnValues": GOOD | {"x": []}}, "metadata.columnValues must have each column"),
        ({"columnValues": GOOD | {"email": SECRET}}, "a list of texts for column 1"),
        ({"columnValues": GOOD | {"zip": [1234]}}, "a list of texts for column 2"),
        ({"columnValues": GOOD | {"zip": []}}, "the first values of column 2"),
        ({"columnValues": GOOD | {"zip": ["1"] * 3}}, "the first values of column 2"),
    ],
)
def test_the_metadata_must_be_complete_and_true(account, change: dict, message: str) -> None:
    metadata = json.loads(account.form()["metadata"]) | change
    assert message in refusal(account.upload(metadata=metadata))


@pytest.mark.parametrize(("metadata", "message"), [(None, "is required"), ("x", "well-formed"), ("3", "JSON object")])
def test_the_metadata_must_be_json(account, metadata, message: str) -> None:
    assert message in refusal(account.upload(metadata=metadata))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"email\n", "The file has no records."),
        (b"email,\na,b\n", "no name for column 2"),
        (b"email,zip,email\na,b,c\n", "the name of column 3 twice"),
        (b"email,\xe4\na,b\n", "not UTF-8"),
    ],
)
def test_invalid_files(account, content: bytes, message: str) -> None:
    metadata = {"columns": [], "fileName": "people.csv", "fileSize": 0, "columnValues": {}, "rows": 0}
    assert message in refusal(account.upload(content, metadata=metadata, fileTotalCount=0))


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n"])
def test_an_empty_file(account, content: bytes) -> None:
    answer = account.call("POST", "/api/v2/audience/matched/add", files={"file": ("a.csv", content, "text/csv")})
    assert refusal(answer) == "The file is empty."


@pytest.mark.parametrize(
    ("name", "media_type", "content", "message"),
    [
        # Longer than the csv module takes a cell to be.
        ("a.csv", "text/csv", b'email,"' + b"x" * 200_000 + b'"\na,b\n', "The file's header can't be read"),
        ("people.txt", "text/csv", b"email\na\n", "must end in .csv or .xlsx"),
        ("people", "text/csv", b"email\na\n", "must end in .csv or .xlsx"),
        ("people.csv", "text/plain", b"email\na\n", "media type of a .csv file must be text/csv"),
        ("people.xlsx", "text/csv", b"email\na\n", "media type of a .xlsx file must be"),
        ("people.CSV", "text/csv; charset=utf-8", b"PK\x03\x04", "it is a zip archive"),
    ],
)
def test_the_file_must_match_its_name(account, name: str, media_type: str, content: bytes, message: str) -> None:
    answer = account.call("POST", "/api/v2/audience/matched/add", files={"file": (name, content, media_type)})
    assert message in refusal(answer)


def test_limits_of_size_and_records(account, sandbox) -> None:
    sandbox.change_settings(max_file_bytes=57, max_records=2)
    account.new_id()
    sandbox.change_settings(max_file_bytes=56)
    assert refusal(account.upload()) == "The file is larger than 56 bytes."
    sandbox.change_settings(max_file_bytes=57, max_records=1)
    assert refusal(account.upload()) == "The file has 2 records; at most 1 are allowed."
    assert len(sandbox.audiences) == 1
