"""Calls on campaigns that schemathesis makes up from IQM's OpenAPI file: each answer is one that the file knows."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import campaign_document

# Not among them: that there is no 500, which is the file's answer to a request without one of the lists.
CHECKS = [content_type_conformance, negative_data_rejection, response_schema_conformance, status_code_conformance]

document = campaign_document()
for schema in document["components"]["schemas"].values():
    if "Response" in str(schema.get("description")) or "Record" in str(schema.get("description")):
        schema["additionalProperties"] = False
# The file has no response to an invalid search.
calls = document["paths"]
statuses = calls["/api/v3/cmp/basic/list"]["post"]["responses"]
statuses["422"] = calls["/api/v3/cmp/target/audience"]["post"]["responses"]["422"]
schema = schemathesis.openapi.from_dict(document)


@schema.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_responses_match_the_openapi_file(case, account, sandbox) -> None:
    if not sandbox.campaigns:
        sandbox.add_campaign("Summer", included=[1])
    case.call_and_validate(base_url=sandbox.url, headers=account.headers, session=account.session, checks=CHECKS)
