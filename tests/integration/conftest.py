"""The real thing: a sandbox over HTTP, and Dags that Airflow runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration import services
from tests.integration.warehouse import Postgres


@pytest.fixture
def sandbox(monkeypatch):
    """A local IQM, and the connection ``iqm_default`` to it; ``connect`` sets more of the connection's extra."""
    settings = SandboxSettings(port=0, processing_seconds=0.2, pending_seconds=0.2, requests_per_minute=1000)
    with Sandbox(settings) as server:

        def connect(**extra):
            secrets = {"client_id": settings.client_id, "client_secret": settings.client_secret}
            connection = {"conn_type": "iqm", "host": server.url, "login": settings.email}
            connection |= {"password": settings.password, "extra": secrets | {"rate_limit_window": 0.2} | extra}
            monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(connection))

        server.connect = connect
        connect()
        yield server


@pytest.fixture(scope="session")
def airflow_database():
    """Airflow's database, in the home that the tests have."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ.copy())


@pytest.fixture
def run_dag(airflow_database, monkeypatch):
    """Run a Dag file by ``dag.test()``; return its states and a way to its XComs."""
    monkeypatch.setenv("EXAMPLE_IQM_POKE_INTERVAL", "0.2")

    def run(source: str | Path, dag_id: str, **configuration):
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
        result = module.dag.test(run_conf=configuration or None)
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
