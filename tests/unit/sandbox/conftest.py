from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGIN = "/api/v3/ua/login"
ADD = "/api/v2/audience/matched/add"
PEOPLE = b"email,zip\r\nann@example.com,01234\r\nbob@example.com,98765\r\n"


class Account:
    """A user of the sandbox, who knows nothing of the package's client."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self._headers: dict[str, str] | None = None

    def log_in(self, *, client: tuple[str, str] | None = None, workspace: str | None = "app.iqm.com", **body: Any):
        settings = self.sandbox.settings
        credentials = {"grantType": "password", "email": settings.email, "password": settings.password}
        return self.session.post(
            self.sandbox.url + LOGIN,
            json={name: value for name, value in (credentials | body).items() if value is not None},
            auth=client or (settings.client_id, settings.client_secret),
            headers={"X-IAA-HOST": workspace} if workspace else {},
        )

    @property
    def headers(self) -> dict[str, str]:
        if self._headers is None:
            data = self.log_in().json()["data"]
            self._headers = {"Authorization": f"Bearer {data['access_token']}", "X-IAA-OW-ID": str(data["owId"])}
        return self._headers

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.session.request(method, self.sandbox.url + path, headers=headers, **options)

    def form(self, content: bytes = PEOPLE, name: str = "people.csv", **changes: Any) -> dict[str, str]:
        rows = [row for row in csv.reader(io.StringIO(content.decode("latin-1"), newline="")) if row]
        header, records = rows[0], rows[1:]
        metadata = {
            "columns": header,
            "fileName": name,
            "fileSize": len(content),
            "columnValues": {
                column: [row[i] for row in records[:3] if i < len(row)] for i, column in enumerate(header)
            },
            "rows": len(records),
        }
        fields = {
            "columns": {"email": "Email"},
            "columnSettings": {"Email": "Raw"},
            "audienceName": "People",
            "metadata": metadata,
            "fileTotalCount": len(records),
            "isSingleColumnEnabled": "true",
        }
        given = {field: value for field, value in (fields | changes).items() if value is not None}
        return {field: v if isinstance(v, str) else json.dumps(v) for field, v in given.items()}

    def upload(
        self, content: bytes = PEOPLE, name: str = "people.csv", media_type: str = "text/csv", **changes: Any
    ) -> requests.Response:
        form = self.form(content, name, **changes)
        return self.call("POST", ADD, data=form, files={"file": (name, content, media_type)}, timeout=20)

    def new_id(self, **changes: Any) -> int:
        answer = self.upload(**changes)
        assert answer.status_code == 200, answer.text
        audience_id: int = answer.json()["responseObject"]["id"]
        return audience_id

    def details(self, audience_id: int) -> dict[str, Any]:
        answer = self.call("GET", f"/api/v2/audience/matched/{audience_id}")
        assert answer.status_code == 200, answer.text
        details: dict[str, Any] = answer.json()["responseObject"]
        return details

    def listed(self, **parameters: Any) -> list[dict[str, Any]]:
        answer = self.call("GET", "/api/v2/audience/list", params=parameters)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["responseObject"]
        return rows


@pytest.fixture(scope="package")
def running() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(port=0, requests_per_minute=100_000)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def account(sandbox: Sandbox) -> Iterator[Account]:
    account = Account(sandbox)
    with account.session:
        yield account


@pytest.fixture
def new_account() -> type[Account]:
    return Account
