"""Where IQM's OpenAPI file contradicts itself or the guides: each is named, and the sandbox has both forms."""

from __future__ import annotations

import pytest
from openapi_core.validation.response.exceptions import InvalidData


def example(operation: dict, status: str = "200") -> dict:
    content = operation["responses"][status]["content"]["application/json"]
    return content.get("example") or next(iter(content["examples"].values()))["value"]


@pytest.fixture
def operation(reference):
    return lambda method, path: reference.document["paths"][f"/api/v3/audience{path}"][method]


def test_the_created_audience_has_an_envelope_in_the_example_and_none_in_the_schema(
    v3, sandbox, reference, operation
) -> None:
    assert example(operation("post", "/matched")).keys() == {"success", "data"}
    with pytest.raises(InvalidData):
        reference.check_answer(v3.send(v3.request()))
    sandbox.change_settings(wrap_created=False)
    reference.check_answer(v3.send(v3.request()))


def test_the_audience_request_is_a_text_in_the_schema_and_json_in_its_encoding(v3, operation) -> None:
    content = operation("post", "/matched")["requestBody"]["content"]["multipart/form-data"]
    assert content["encoding"]["audienceRequest"] == {"contentType": "application/json"}
    examples = [each["value"]["audienceRequest"] for each in content["examples"].values()]
    assert {type(each) for each in examples} == {str}
    assert v3.send(v3.request()).status_code == 200


def test_rows_of_the_list_have_other_names_in_the_example(v3, sandbox, reference, operation) -> None:
    (shown,) = example(operation("post", "/list"))["data"]["audienceList"]
    known = reference.document["components"]["schemas"]["AudienceResponse"]["properties"].keys()
    assert shown.keys() - known == {"uniques", "isEditAccess", "isApprovalAccess"}
    v3.upload()
    (row,) = v3.find()["audienceList"]
    assert row.keys() >= {"reach", "editAccess", "approvalAccess"}
    sandbox.change_settings(list_shape="example")
    answer = v3.call("POST", "/list", json={}, contradicts=True)
    (row,) = answer.json()["data"]["audienceList"]
    assert row.keys() - known == {"uniques", "isEditAccess", "isApprovalAccess"}
    with pytest.raises(InvalidData):
        reference.check_answer(answer)


def test_errors_of_the_list_are_one_object_in_the_example(v3, sandbox, operation) -> None:
    assert example(operation("post", "/list"), "422").keys() == {"success", "error"}
    asked = {"audienceTypeIds": [15]}
    assert v3.refused(v3.call("POST", "/list", json=asked)) == {"audienceTypeIds": "Invalid audience type ID: 15"}
    sandbox.change_settings(list_shape="example")
    answer = v3.call("POST", "/list", json=asked, contradicts=True)
    assert answer.status_code == 422
    assert answer.json() == {
        "success": False,
        "error": {"message": "Invalid audience type ID: 15", "field": "audienceTypeIds"},
    }


def test_the_minimal_example_has_other_names_for_pages(v3, operation) -> None:
    examples = operation("post", "/list")["requestBody"]["content"]["application/json"]["examples"]
    minimal = examples["Minimal search request"]["value"]
    assert minimal == {"pageNumber": 1, "pageSize": 20}
    for _ in range(3):
        v3.upload()
    # The schema's names count.
    assert len(v3.find(pageNumber=1, pageSize=1)["audienceList"]) == 3
    assert len(v3.find(pageNo=1, noOfEntries=1)["audienceList"]) == 1


def test_a_search_field_is_a_number_in_the_example(v3, operation) -> None:
    examples = operation("post", "/list")["requestBody"]["content"]["application/json"]["examples"]
    assert examples["Basic audience search request"]["value"]["searchFields"] == ["test audience", 123456]
    audience_id = v3.upload()
    for text in (audience_id, str(audience_id)):
        assert len(v3.find(searchFields=[text])["audienceList"]) == 1


def test_moments_are_in_seconds_in_the_schema_and_in_milliseconds_in_the_examples(v3, reference, operation) -> None:
    schema = reference.document["components"]["schemas"]["MatchedAudienceResponse"]["properties"]["createdAt"]
    assert len(str(schema["example"])) == 10
    assert len(str(example(operation("get", "/matched/{audienceId}"))["data"]["createdAt"])) == 13
    assert len(str(v3.details(v3.upload())["createdAt"])) == 13


def test_columns_have_other_names_in_the_tutorial(v3, sandbox, reference) -> None:
    path = "/static/column-list?audienceTypeId=1"
    assert v3.call("GET", path).json()["data"][0].keys() == {"id", "name", "order", "displayName"}
    sandbox.change_settings(column_list_shape="tutorial")
    answer = v3.call("GET", path, contradicts=True)
    assert answer.json()["data"][0].keys() == {"id", "label", "key", "order", "isSingleColumn"}
    with pytest.raises(InvalidData):
        reference.check_answer(answer)


def test_details_have_another_envelope_in_the_tutorial(v3, sandbox, reference) -> None:
    path = f"/matched/{v3.upload()}"
    assert v3.call("GET", path).json().keys() == {"success", "data"}
    sandbox.change_settings(details_shape="tutorial")
    answer = v3.call("GET", path, contradicts=True)
    assert answer.json().keys() == {"statusCode", "responseObject"}
    with pytest.raises(InvalidData):
        reference.check_answer(answer)


def test_combinations_require_the_audience_type_despite_the_guides(v3, operation) -> None:
    (parameter,) = (
        each
        for each in operation("get", "/static/column-combinations")["parameters"]
        if each["name"] == "audienceTypeId"
    )
    assert parameter["required"] is True
    assert v3.refused(v3.call("GET", "/static/column-combinations")).keys() == {"audienceTypeId"}


def test_the_combination_is_required_despite_the_guides(v3, operation) -> None:
    assert "| columnCombinationId `[required]`" in operation("post", "/matched")["description"]
    request = v3.request()
    del request["columnCombinationId"]
    assert v3.refused(v3.send(request), 400).keys() == {"columnCombinationId"}


def test_format_ids_differ_within_the_openapi_file(reference, operation) -> None:
    mapping = reference.document["components"]["schemas"]["AudienceColumnMapping"]["properties"]["dataFormatId"]
    assert "2=SHA1" in mapping["description"]
    listed = {each["id"]: each["name"] for each in example(operation("get", "/static/data-formats"))["data"]}
    assert listed[2] == "MD5"
