"""What tests of several rooms need: small files, a certificate, a local IQM over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.audiences import UploadedFile
from tests.unit.certificate import certificate  # noqa: F401


@pytest.fixture
def make_file(tmp_path):
    """Write a file, text in UTF-8 or bytes, and give its path."""

    def make(content: str | bytes, name: str = "list.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture
def local_iqm(iqm_connection, monkeypatch):
    """A sandbox with the tests' credentials; ``connect`` changes the connection ``iqm_default`` to it."""
    # Retries wait no time; what an answer asks for is another test's matter.
    monkeypatch.setattr("airflow_provider_iqm.client.retries._wait", lambda state: 0)
    settings = SandboxSettings(
        port=0,
        requests_per_minute=10_000,
        processing_seconds=0,
        pending_seconds=0,
        client_id="client",
        client_secret="s3cret-of-the-client",
        email="ops@example.com",
        password="pässwörd:/ 1",
    )
    with Sandbox(settings) as sandbox:
        sandbox.connect = lambda **extra: iqm_connection(
            **{"host": sandbox.url, "requests_per_minute": 10_000, **extra}
        )
        sandbox.connect()
        sandbox.paths = lambda: [request.path for request in sandbox.requests]
        yield sandbox


@pytest.fixture
def add_audience(local_iqm):
    """Make an audience without an upload, and return its id."""

    def add(name="List", **facts):
        audience = local_iqm.state.audiences.add(
            UploadedFile(name="list.csv", size=10, sha256="0" * 64, header=("email",), records=100),
            {"columns": "{}", "columnSettings": "{}", "metadata": "{}", "fileTotalCount": "100"},
            name=name,
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            single_column=True,
            metadata={"fileName": "list.csv"},
        )
        for fact, value in facts.items():
            setattr(audience, fact, value)
        return audience.audience_id

    return add
