"""The judge of requests and answers, IQM's OpenAPI file, can say no."""

from __future__ import annotations

import json

import pytest
import requests
from openapi_core.exceptions import OpenAPIError

ROOT = "http://127.0.0.1:1/api/v3/audience"
REQUEST = {
    "audienceName": "May",
    "fileRowCount": 1,
    "fileColumnCount": 1,
    "columnMappings": [{"columnId": 103, "fileColumnName": "email", "dataFormatId": None}],
    "columnCombinationId": 203,
}

LISTS = {"includedAudienceList": [7], "excludedAudienceList": [], "removedAudienceList": []}


def upload(**changes) -> dict:
    text = json.dumps({name: value for name, value in (REQUEST | changes).items() if value is not None})
    file = ("a.csv", b"email\nx\n", "text/csv")
    return {"files": {"audienceRequest": (None, text, "application/json"), "file": file}}


def address(path: str) -> str:
    return ROOT + path if not path.startswith("/..") else ROOT.removesuffix("/audience") + path.removeprefix("/..")


@pytest.mark.parametrize(
    ("method", "path", "good", "bad"),
    [
        ("POST", "/list", {"json": {"audienceIds": [1], "pageNo": 1}}, {"json": {"audienceIds": ["1"]}}),
        ("POST", "/list", {"json": {}}, {"json": {"page": 1}}),
        ("DELETE", "", {"params": {"audienceIds": [1, 2]}}, {}),
        ("GET", "/static/column-combinations", {"params": {"audienceTypeId": 1}}, {}),
        ("PATCH", "/5/update-name", {"json": {"audienceName": "x"}}, {"json": {"name": "x"}}),
        ("GET", "/matched/5", {}, {"params": {"userDetailsRequired": "perhaps"}}),
        ("POST", "/../cmp/target/audience", {"json": {"5": LISTS}}, {"json": {"5": {"includedAudienceList": [7]}}}),
        ("POST", "/../cmp/target/audience", {"json": {"5": LISTS}}, {"json": {"5": LISTS | {"removeAudience": [7]}}}),
        ("POST", "/../cmp/basic/list", {"json": {"campaignIds": [5]}}, {"json": {"campaignIds": ["5"]}}),
        ("POST", "/matched", upload(), {"files": {"file": ("a.csv", b"x", "text/csv")}}),
        ("POST", "/matched", upload(dataPartnerId=7), upload(columnCombinationId=None)),
        ("POST", "/matched", upload(), upload(columns={})),
        ("POST", "/matched", upload(), upload(columnMappings=[{"columnId": "103", "fileColumnName": "email"}])),
    ],
)
def test_requests_are_judged(reference, method: str, path: str, good: dict, bad: dict) -> None:
    reference.check_request(requests.Request(method, address(path), **good).prepare())
    with pytest.raises(OpenAPIError):
        reference.check_request(requests.Request(method, address(path), **bad).prepare())
