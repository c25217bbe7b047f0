from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import requests

PEOPLE = b"email,zip\r\nann@example.com,01234\r\nbob@example.com,98765\r\n"
ROOT = "/api/v3/audience"


class V3:
    """A user of the v3 calls; each answer that is no surprise is checked against IQM's OpenAPI file."""

    def __init__(self, account, reference) -> None:
        self.account = account
        self.sandbox = account.sandbox
        self._reference = reference

    def call(self, method: str, path: str, *, contradicts: bool = False, **options: Any) -> requests.Response:
        answer: requests.Response = self.account.call(method, ROOT + path, timeout=20, **options)
        if not contradicts:
            self._reference.check_answer(answer)
        return answer

    def data(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    def static(self, name: str, **params: Any) -> list[dict[str, Any]]:
        if name in {"column-list", "column-combinations", "data-partners"}:
            params = {"audienceTypeId": 1} | params
        found: list[dict[str, Any]] = self.data("GET", f"/static/{name}", params=params)
        return found

    def ids(self, name: str, **params: Any) -> dict[str, int]:
        return {each["name"]: each["id"] for each in self.static(name, **params)}

    def request(
        self,
        content: bytes = PEOPLE,
        columns: dict[str, str] | None = None,
        key: set[str] | None = None,
        formats: dict[str, str] | None = None,
        partner: str | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        columns = columns or {"email": "Email"}
        formats = {"Email": "Raw", "Phone": "Raw"} if formats is None else formats
        key = key or {next(iter(columns.values()))}
        rows = [row for row in csv.reader(io.StringIO(content.decode("latin-1"), newline="")) if row]
        ids = self.ids("column-list")
        format_ids = self.ids("data-formats")
        wanted = {ids[name] for name in key}
        request = {
            "audienceName": "People",
            "fileRowCount": len(rows) - 1,
            "fileColumnCount": len(rows[0]),
            "columnMappings": [
                {"columnId": ids[name], "fileColumnName": column}
                | ({"dataFormatId": format_ids[formats[name]]} if name in formats else {})
                for column, name in columns.items()
            ],
            "columnCombinationId": next(
                each["id"] for each in self.static("column-combinations") if set(each["columnIds"]) == wanted
            ),
            "dataPartnerId": self.ids("data-partners")[partner] if partner else None,
        } | changes
        return {name: value for name, value in request.items() if value is not None}

    def send(
        self,
        request: Any,
        content: bytes = PEOPLE,
        name: str = "people.csv",
        media_type: str = "text/csv",
        **options: Any,
    ) -> requests.Response:
        text = request if isinstance(request, str) else json.dumps(request)
        parts = {"audienceRequest": (None, text, "application/json"), "file": (name, content, media_type)}
        options = {"files": parts} | options
        # The file's schema of this answer lacks the envelope that its example has.
        return self.call("POST", "/matched", contradicts=True, **options)

    def upload(self, content: bytes = PEOPLE, name: str = "people.csv", **changes: Any) -> int:
        answer = self.send(self.request(content, **changes), content, name)
        assert answer.status_code == 200, answer.text
        audience_id: int = answer.json()["data"]["matchedAudienceId"]
        return audience_id

    def details(self, audience_id: int, **params: Any) -> dict[str, Any]:
        details: dict[str, Any] = self.data("GET", f"/matched/{audience_id}", params=params)
        return details

    def find(self, **search: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.data("POST", "/list", json=search)
        return found

    def refused(self, answer: requests.Response, status: int = 422) -> dict[str | None, str]:
        """Return the errors by field."""
        assert answer.status_code == status, answer.text
        assert answer.json()["success"] is False
        return {each.get("field"): each["error"] for each in answer.json()["errorObjects"]}


@pytest.fixture
def v3(account, reference) -> V3:
    return V3(account, reference)
