"""The real thing: a sandbox over HTTP, and Dags that Airflow runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import airflow
import pytest
import requests

from airflow_provider_iqm.api.upload_form import UploadForm
from airflow_provider_iqm.client.async_client import AsyncClient
from airflow_provider_iqm.client.sync_client import SyncClient
from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration import services
from tests.integration.dialects import CALLS
from tests.integration.lake import Lake
from tests.integration.warehouse import Postgres

DATES = ("execution_date",) if airflow.__version__.startswith("2.") else ("logical_date", "run_after")
"""The arguments of ``dag.test()`` that say when a run is."""


@pytest.fixture
def api_version():
    """Which version of IQM's API the connection speaks; a module that is to run on both has a fixture of its own."""
    return "classic"


@pytest.fixture
def calls(api_version):
    """The paths of IQM's calls in this version."""
    return CALLS[api_version]


@pytest.fixture
def sandbox(monkeypatch, api_version):
    """A local IQM, and the connection ``iqm_default`` to it; ``connect`` sets more of the connection's extra."""
    settings = SandboxSettings(port=0, processing_seconds=0.2, pending_seconds=0.2, requests_per_minute=1000)
    with Sandbox(settings) as server:
        usual = {"rate_limit_window": 0.2, "api_version": api_version}

        def connect(**extra):
            secrets = {"client_id": settings.client_id, "client_secret": settings.client_secret}
            connection = {"conn_type": "iqm", "host": server.url, "login": settings.email}
            connection |= {"password": settings.password, "extra": {**secrets, **usual, **extra}}
            monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(connection))

        server.connect = connect
        connect()
        yield server


@pytest.fixture(autouse=True)
def judged(api_version, request, monkeypatch):
    """Have the v3 requests of the client, in this process, judged by IQM's OpenAPI files; those on campaigns always."""
    paths = ("/api/v3/audience/", "/api/v3/cmp/") if api_version == "v3" else ("/api/v3/cmp/",)
    reference = request.getfixturevalue("reference")

    def check(hook, sent, upload=None):
        if sent.path.startswith(paths):
            body = sent.body
            if isinstance(body, UploadForm):
                body = body.prefix + upload.file.path.read_bytes() + body.suffix
            prepared = requests.Request(
                sent.method, "http://127.0.0.1" + sent.path, params=sent.params, headers=sent.headers, data=body
            )
            reference.check_request(prepared.prepare())

    def send(self, sent, upload):
        check(self, sent, upload)
        return sync_send(self, sent, upload)

    async def asend(self, sent, access):
        check(self, sent)
        return await async_send(self, sent, access)

    sync_send, async_send = SyncClient.send, AsyncClient.send
    monkeypatch.setattr(SyncClient, "send", send)
    monkeypatch.setattr(AsyncClient, "send", asend)


@pytest.fixture(scope="session")
def airflow_database():
    """Airflow's database, in the home that the tests have."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ.copy())


@pytest.fixture
def run_dag(airflow_database, monkeypatch):
    """Run a Dag file by ``dag.test()``; return its states and a way to its XComs."""
    monkeypatch.setenv("EXAMPLE_IQM_POKE_INTERVAL", "0.2")

    def run(source: str | Path, dag_id: str, *, logical_date: bool | datetime = True, **configuration):
        folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.py"):
            old.unlink()
        text = source.read_text() if isinstance(source, Path) else source
        path = folder / f"{dag_id}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(f"dags_{dag_id}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module.dag, "sync_to_db"):
            # Airflow 2 sends no event of an asset that its scheduler has not seen.
            module.dag.sync_to_db()
        # Airflow 2 knows no run without a logical date.
        dates = {} if logical_date else {"logical_date": None}
        if isinstance(logical_date, datetime):
            dates = dict.fromkeys(DATES, logical_date)
        result = module.dag.test(run_conf=configuration or None, **dates)
        tasks = result.get_task_instances()

        def xcom(task_id, key="return_value"):
            task = next(item for item in tasks if item.task_id == task_id)
            return task.xcom_pull(task_ids=task_id, key=key)

        return SimpleNamespace(
            state=str(result.state),
            tasks={(item.task_id, item.map_index): str(item.state) for item in tasks},
            tries={(item.task_id, item.map_index): item.try_number for item in tasks},
            xcom=xcom,
        )

    return run


@pytest.fixture(scope="session")
def postgres():
    """A Postgres of the tests' own."""
    with services.postgres() as port:
        yield Postgres(port)


@pytest.fixture(scope="session")
def s3():
    """An S3 of the tests' own."""
    with services.s3() as port:
        yield Lake(port)


@pytest.fixture
def lake(s3, monkeypatch):
    """An empty S3, and the connection ``lake`` to it."""
    s3.empty()
    # Airflow keeps what it once opened without this connection.
    stores = importlib.import_module("airflow.io.store" if DATES[0] == "execution_date" else "airflow.sdk.io.store")
    monkeypatch.setattr(stores, "_STORE_CACHE", {})
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", s3.connection())
    return s3
