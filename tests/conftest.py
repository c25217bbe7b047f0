"""An Airflow of the tests' own: its home is set before anything imports Airflow."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

# Short, because a process of pytest-xdist has its home in that of the first, and the path of a socket has 107 bytes.
HOME = tempfile.mkdtemp(prefix="iqm-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
# Nothing that the tests leave behind is in a place where others look.
tempfile.tempdir = os.environ["TMPDIR"] = HOME
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": f"{HOME}/dags",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
}
for name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_"))]:
    del os.environ[name]

CREDENTIALS = {
    "login": "ops@example.com",
    "password": "pässwörd:/ 1",
    "client_id": "client",
    "client_secret": "s3cret-of-the-client",
}
"""What the tests' connection holds; a log, an exception or an XCom must show neither secret."""


def connection_json(host: str | None = "https://api.iqm.com", **extra: object) -> str:
    """Return an Airflow connection to IQM, as an environment variable holds it."""
    return json.dumps(
        {
            "conn_type": "iqm",
            "host": host,
            "login": CREDENTIALS["login"],
            "password": CREDENTIALS["password"],
            "extra": {
                "client_id": CREDENTIALS["client_id"],
                "client_secret": CREDENTIALS["client_secret"],
                "workspace_host": "app.iqm.com",
                # No test waits for the requests of another one.
                "rate_limit_scope": "pool",
                **extra,
            },
        }
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name binary values by their argument: compressed ones differ between the processes of pytest-xdist."""
    return argname if isinstance(val, bytes) and not val.decode("latin-1").isprintable() else None


@pytest.fixture
def iqm_connection(monkeypatch):
    """Set the connection ``iqm_default``; call it to change the connection."""

    def set_connection(**kwargs):
        monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", connection_json(**kwargs))

    set_connection()
    return set_connection


@pytest.fixture
def waits(monkeypatch):
    """Have retries wait no time, and return the seconds that they would have waited."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


REFERENCE = Path(__file__).parent / "data" / "openapi-v3.json"
CAMPAIGN_REFERENCE = Path(__file__).parent / "data" / "openapi-campaigns-v3.json"

TARGETED = {
    "type": "object",
    "required": ["success", "data"],
    "properties": {
        "success": {"type": "boolean"},
        "data": {
            "type": "object",
            "required": ["message"],
            "properties": {
                "message": {"type": "string"},
                "failedCampaigns": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
"""An answer to a change of targets, of which IQM's file has examples but no schema."""


def campaign_document() -> dict[str, Any]:
    """Return IQM's OpenAPI file of campaigns, with a schema where it has only examples."""
    document: dict[str, Any] = json.loads(CAMPAIGN_REFERENCE.read_text())
    answers = document["paths"]["/api/v3/cmp/target/audience"]["post"]["responses"]
    answers["200"]["content"]["application/json"]["schema"] = TARGETED
    return document


def reference_document() -> dict[str, Any]:
    """
    Return IQM's OpenAPI files in one, a little stricter than they are.

    They require next to nothing of an answer and forbid nothing, so that any object passes. Here an object has no
    properties but those that the files name.
    """
    document: dict[str, Any] = json.loads(REFERENCE.read_text())
    campaigns = campaign_document()
    document["paths"] |= campaigns["paths"]
    schemas = campaigns["components"]["schemas"] | document["components"]["schemas"]
    document["components"]["schemas"] = schemas
    # The schema has a text here, the encoding beside it JSON; what the text holds is told in a table of the call.
    schemas["MatchedAudienceUploadSchema"]["properties"]["audienceRequest"] = {
        "type": "object",
        "required": ["audienceName", "columnMappings", "fileRowCount", "fileColumnCount", "columnCombinationId"],
        "properties": {
            "audienceName": {"type": "string", "maxLength": 255},
            "columnMappings": {"type": "array", "items": {"$ref": "#/components/schemas/AudienceColumnMapping"}},
            "fileRowCount": {"type": "integer"},
            "fileColumnCount": {"type": "integer"},
            "columnCombinationId": {"type": "integer", "minimum": 1},
            "dataPartnerId": {"type": "integer"},
            "audienceSubtypeId": {"type": "integer"},
            "consentGiven": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
    schemas["AudienceColumnMapping"]["properties"]["dataFormatId"]["nullable"] = True
    for schema in schemas.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


class Reference:
    """Judges requests and answers by IQM's OpenAPI file."""

    def __init__(self) -> None:
        from openapi_core import OpenAPI

        self.document = reference_document()
        self._openapi = OpenAPI.from_dict(self.document)

    def check_request(self, request) -> None:
        """Fail where a prepared request of ``requests`` is not as the file has it."""
        self._openapi.validate_request(self._seen(request))

    def check_answer(self, answer) -> None:
        """Fail where an answer that ``requests`` received is not as the file has it."""
        from openapi_core.contrib.requests import RequestsOpenAPIResponse

        self._openapi.validate_response(self._seen(answer.request), RequestsOpenAPIResponse(answer))

    def _seen(self, request):
        from openapi_core.contrib.requests import RequestsOpenAPIRequest

        server = self.document["servers"][0]["url"]
        prepared = request.copy()
        prepared.url = server + prepared.path_url
        return RequestsOpenAPIRequest(prepared)


@pytest.fixture(scope="session")
def reference():
    """IQM's OpenAPI file."""
    return Reference()
