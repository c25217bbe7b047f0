"""Calls that schemathesis makes up from IQM's OpenAPI file: each answer is one that the file knows."""

from __future__ import annotations

import json
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

# Calls that the file has and the sandbox, like the product, does not need.
ABSENT = {
    ("PATCH", "/api/v3/audience/matched/{audienceId}"),
    ("POST", "/api/v3/audience/basic/list"),
    ("GET", "/api/v3/audience/static/audience-types"),
    ("GET", "/api/v3/audience/{audienceId}/file-url"),
}
# Not among them: that all data which fit the file are taken, for ids must exist; and what concerns authentication, of
# which the file says nothing.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

document = json.loads((Path(__file__).parents[3] / "data" / "openapi-v3.json").read_text())
for schema in document["components"]["schemas"].values():
    if "properties" in schema and "Request" not in str(schema.get("description")):
        schema["additionalProperties"] = False
for method, path in ABSENT:
    del document["paths"][path][method.lower()]
# What the file calls unique is a set to IQM: what comes twice is there once.
searched = document["components"]["schemas"]["AudienceSearchRequest"]["properties"].values()
asked = [
    parameter["schema"]
    for operations in document["paths"].values()
    for operation in operations.values()
    for parameter in operation["parameters"]
]
for schema in [*searched, *asked]:
    schema.pop("uniqueItems", None)
# Its schema has texts here, its example a number too.
document["components"]["schemas"]["AudienceSearchRequest"]["properties"]["searchFields"]["items"] = {
    "anyOf": [{"type": "string"}, {"type": "integer", "format": "int32"}]
}
# The file has no response to invalid parameters of this call.
statuses = document["paths"]["/api/v3/audience/static/audience-status"]["get"]["responses"]
statuses["422"] = document["paths"]["/api/v3/audience/static/audience-subtypes"]["get"]["responses"]["422"]
schema = schemathesis.openapi.from_dict(document)


@schema.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_responses_match_the_openapi_file(case, account, sandbox) -> None:
    # As in the file's schema, which has no envelope here.
    sandbox.change_settings(wrap_created=False)
    case.call_and_validate(base_url=sandbox.url, headers=account.headers, session=account.session, checks=CHECKS)


def test_all_other_calls_of_the_file_are_here(account) -> None:
    original = json.loads((Path(__file__).parents[3] / "data" / "openapi-v3.json").read_text())
    absent = set()
    for path, operations in original["paths"].items():
        for method in operations:
            answer = account.call(method.upper(), path.replace("{audienceId}", "1"))
            if answer.status_code in {404, 405}:
                absent.add((method.upper(), path))
    assert absent == ABSENT
