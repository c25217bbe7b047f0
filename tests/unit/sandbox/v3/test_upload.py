from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

SECRET = "ann@example.com"
WIDE = b"a,b,c,d,e,f\n1,2,3,4,5,6\n"
PEOPLE = b"email,zip\r\nann@example.com,01234\r\nbob@example.com,98765\r\n"
PLACE = {"c": "Residence_Addresses_State", "d": "Residence_Addresses_Zip"}
NAMES = {"a": "Voters_FirstName", "b": "Voters_LastName"} | PLACE
STREET = PLACE | {"e": "Residence_Addresses_AddressLine"}


@pytest.mark.parametrize(
    ("columns", "key", "more", "settings"),
    [
        (NAMES, set(NAMES.values()), {}, None),
        (STREET, set(STREET.values()), {}, None),
        ({"a": "Residence_FullAddress"}, None, {}, None),
        ({"a": "NPI_ID"}, None, {"partner": "hl_npi_id"}, {"NPI_ID": "hl_npi_id"}),
        ({"a": "Voters_ID", "f": "Voters_Age"}, None, {"partner": "Other"}, {"Voters_ID": "Other"}),
        ({"a": "Phone"}, None, {"formats": {"Phone": "SHA1"}}, {"Phone": "SHA1"}),
        (
            {"a": "Voters_ID", "b": "Email"},
            None,
            {"partner": "LalVoterID", "formats": {"Email": "MD5"}},
            {"Email": "MD5", "Voters_ID": "LalVoterID"},
        ),
    ],
)
def test_each_kind_of_mapping_is_accepted(v3, sandbox, columns, key, more, settings) -> None:
    v3.upload(WIDE, columns=columns, key=key, **more)
    audience = sandbox.audiences[0]
    assert (audience.columns, audience.column_settings) == (columns, settings)
    assert audience.single_column is (key is None)
    assert (audience.sha256, audience.records) == (hashlib.sha256(WIDE).hexdigest(), 1)


def test_uploads_with_random_ids(v3, sandbox) -> None:
    request = v3.request()
    sandbox.change_settings(id_seed=3)
    assert v3.send(request).status_code == 422
    assert sandbox.audiences == []
    v3.upload()


@pytest.mark.parametrize("media_type", ["text/csv", "application/octet-stream"])
def test_the_file_may_have_its_own_media_type_or_the_documented_one(v3, media_type: str) -> None:
    assert v3.send(v3.request(), media_type=media_type).status_code == 200


def test_parts_of_a_request_can_have_any_order(v3, sandbox) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\nContent-Type: {}\r\n\r\n'
    body = part.format("file", '; filename="people.csv"', "text/csv").encode() + PEOPLE + b"\r\n"
    body += part.format("audienceRequest", "", "application/json; charset=utf-8").encode()
    body += json.dumps(v3.request()).encode() + b"\r\n--x--\r\n"
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = v3.call("POST", "/matched", contradicts=True, data=pieces, headers=headers)
    assert answer.status_code == 200, answer.text
    assert sandbox.requests[-1].chunked


@pytest.mark.parametrize(
    ("changes", "status", "errors"),
    [
        ({"audienceName": None}, 400, {"audienceName": "Missing"}),
        ({"audienceName": "  "}, 400, {"audienceName": "between 1 and 255"}),
        ({"audienceName": "x" * 256}, 400, {"audienceName": "between 1 and 255"}),
        ({"columnCombinationId": None}, 400, {"columnCombinationId": "Missing"}),
        ({"columnCombinationId": 0}, 400, {"columnCombinationId": "Column combination ID must be positive"}),
        ({"columnCombinationId": 11}, 422, {"columnCombinationId": "no column combination"}),
        (
            {"columnCombinationId": 201},
            422,
            {"columns": "Required column 'Voters_ID' is missing", "dataPartnerId": "required"},
        ),
        ({"fileRowCount": "2"}, 400, {"fileRowCount": "integer"}),
        ({"fileRowCount": 0, "fileColumnCount": None}, 400, {"fileRowCount": "greater", "fileColumnCount": "Missing"}),
        (
            {"fileRowCount": 3, "fileColumnCount": 1},
            422,
            {"fileRowCount": "has 2 records", "fileColumnCount": "has 2 columns"},
        ),
        ({"columnMappings": []}, 400, {"columnMappings": "at least 1"}),
        ({"columnMappings": [{"columnId": 103}]}, 400, {"columnMappings[0].fileColumnName": "Missing"}),
        ({"consentGiven": "yes"}, 400, {"consentGiven": "boolean"}),
        ({"audience_name": "x"}, 400, {"audience_name": "not permitted"}),
        ({"dataPartnerId": 7}, 422, {"dataPartnerId": "no active data partner"}),
        ({"audienceSubtypeId": 9}, 422, {"audienceSubtypeId": "Invalid audienceSubtypeId 9"}),
        ({"verticalId": 99}, 422, {"verticalId": "Invalid vertical"}),
    ],
)
def test_requests_are_checked_field_by_field(v3, sandbox, changes: dict, status: int, errors: dict[str, str]) -> None:
    answer = v3.send(v3.request() | changes if None not in changes.values() else _without(v3.request(), changes))
    refused = v3.refused(answer, status)
    assert refused.keys() == errors.keys()
    assert all(text in refused[field] for field, text in errors.items()), refused
    assert SECRET not in answer.text
    assert sandbox.audiences == []


def _without(request: dict, changes: dict) -> dict:
    return {name: value for name, value in (request | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("mapping", "errors"),
    [
        ({"columnId": 5, "fileColumnName": "zip"}, {"columnMappings[1].columnId": "no column"}),
        ({"columnId": 103, "fileColumnName": "zip", "dataFormatId": 301}, {"columnMappings[1].columnId": "twice"}),
        ({"columnId": 108, "fileColumnName": "email"}, {"columnMappings[1].fileColumnName": "twice"}),
        ({"columnId": 108, "fileColumnName": "Zip"}, {"columnMappings[1].fileColumnName": "header"}),
        ({"columnId": 108, "fileColumnName": "zip", "dataFormatId": 301}, {"columnMappings[1].dataFormatId": "has no"}),
        ({"columnId": 104, "fileColumnName": "zip"}, {"columnMappings[1].dataFormatId": "is required"}),
        (
            {"columnId": 104, "fileColumnName": "zip", "dataFormatId": None},
            {"columnMappings[1].dataFormatId": "is req"},
        ),
        ({"columnId": 104, "fileColumnName": "zip", "dataFormatId": 1}, {"columnMappings[1].dataFormatId": "no data"}),
    ],
)
def test_mappings_are_checked_against_lists_and_header(v3, sandbox, mapping: dict, errors: dict[str, str]) -> None:
    request = v3.request()
    request["columnMappings"].append(mapping)
    refused = v3.refused(v3.send(request))
    assert refused.keys() == errors.keys()
    assert all(text in refused[field] for field, text in errors.items()), refused
    assert sandbox.audiences == []


@pytest.mark.parametrize(
    ("partner", "message"),
    [(None, "is required"), ("LalVoterID", "has no ids"), ("data360_npi_id", "no active")],
)
def test_ids_require_their_data_partner(v3, partner: str | None, message: str) -> None:
    request = v3.request(WIDE, columns={"a": "NPI_ID"}, partner=partner)
    assert message in v3.refused(v3.send(request, WIDE))["dataPartnerId"]


def test_patients_require_consent(v3, sandbox) -> None:
    request = v3.request() | {"audienceSubtypeId": 6}
    assert v3.refused(v3.send(request)).keys() == {"consentGiven"}
    assert v3.refused(v3.send(request | {"consentGiven": False})).keys() == {"consentGiven"}
    assert v3.send(request | {"consentGiven": True}).status_code == 200
    assert v3.send(request | {"audienceSubtypeId": 3}).status_code == 200
    assert [(each.subtype, each.consent_given) for each in sandbox.audiences] == [("patient", True), ("hcp", None)]


def test_subtypes_restrict_the_columns(v3) -> None:
    request = v3.request(WIDE, columns={"a": "NPI_ID"}, partner="hl_npi_id", audienceSubtypeId=6, consentGiven=True)
    assert v3.refused(v3.send(request, WIDE)).keys() == {
        "columnMappings[0].columnId", "columnCombinationId", "dataPartnerId",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("request_text", "field"),
    [("{", "null"), ("[]", "null"), ("1" * 10_000, "null"), ('{"audienceName": 5}', "audienceName")],
)
def test_a_request_must_be_an_object(v3, request_text: str, field: str) -> None:
    answer = v3.send(request_text)
    assert answer.status_code == 400
    assert str(answer.json()["errorObjects"][0].get("field", "null")) == field


@pytest.mark.parametrize(
    ("parts", "field", "message"),
    [
        ({"file": ("people.csv", PEOPLE, "text/csv")}, "audienceRequest", "is required"),
        ({"audienceRequest": (None, "{}", "text/plain")}, "audienceRequest", "application/json"),
        ({"audienceRequest": (None, "{}")}, "audienceRequest", "application/json"),
        ({"file": ("people.pdf", PEOPLE, "text/csv")}, "file", "must end in"),
        ({"file": ("people.csv", PEOPLE, "text/plain")}, "file", "media type"),
    ],
)
def test_the_form_requires_both_parts(v3, parts: dict, field: str, message: str) -> None:
    answer = v3.call("POST", "/matched", files=parts)
    assert message in v3.refused(answer, 400)[field]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"email,zip\n", "no records"), (b"", "empty"), (b"email,email\n1,2\n", "twice"), (b"email,\n1,2\n", "no name")],
)
def test_the_form_must_have_one_file(v3, content: bytes, message: str) -> None:
    assert message in v3.refused(v3.send(v3.request(), content), 400)["file"]


def test_limits_and_kept_files(v3, sandbox, tmp_path: Path) -> None:
    sandbox.change_settings(max_records=1)
    assert "at most 1" in v3.refused(v3.send(v3.request()), 400)["file"]
    sandbox.change_settings(max_file_bytes=10)
    assert "larger" in v3.refused(v3.send(v3.request()), 400)["file"]


def test_the_response_can_have_no_envelope(v3, sandbox, reference) -> None:
    sandbox.change_settings(wrap_created=False)
    answer = v3.send(v3.request())
    reference.check_answer(answer)
    assert answer.json().keys() == {"matchedAudienceId", "message"}
