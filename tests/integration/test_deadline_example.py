"""The example of an alert if the list isn't live in time."""

from __future__ import annotations

import asyncio
import json
import runpy
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import airflow
import pytest
from packaging.version import Version

from airflow_provider_iqm.sandbox.warehouse import create_warehouse

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_iqm_deadline.py"
AIRFLOW = Version(airflow.__version__)
NIGHT = datetime(2026, 5, 1, 4, tzinfo=UTC)


@pytest.fixture
def api_version():
    return "v3"


@pytest.fixture
def chat(monkeypatch):
    """A webhook, and the connection ``alerts`` to it; return the messages that it receives."""
    messages = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AIRFLOW_CONN_ALERTS", f"http://127.0.0.1:{server.server_port}")
        yield messages
        server.shutdown()


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    path = tmp_path / "warehouse.db"
    create_warehouse(path, count=20)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))


def test_the_file_can_be_parsed_on_every_airflow():
    assert ("dag" in runpy.run_path(str(EXAMPLE))) == (Version("3.1") <= AIRFLOW)


@pytest.mark.skipif(Version("3.1") > AIRFLOW, reason="deadlines need Airflow 3.1")
@pytest.mark.parametrize("logical_date", [True, False], ids=["logical date", "none"])
def test_the_dag_runs_on_the_sandbox(run_dag, sandbox, warehouse, logical_date):
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    # dag.test() of Airflow 3.3 can't end a run that has a deadline.
    text = EXAMPLE.read_text().replace('"example_iqm_deadline"', '"no_deadline"') + "\ndag.deadline = []\n"
    run = run_dag(text, "no_deadline", logical_date=logical_date)
    assert run.state == "success"
    assert {audience.status for audience in sandbox.audiences} == {"Ready"}


@pytest.mark.skipif(Version("3.3") > AIRFLOW, reason="the models of deadlines differ before Airflow 3.3")
def test_a_run_that_is_late_sends_a_message(run_dag, sandbox, chat):
    from airflow.models.deadline import Deadline
    from airflow.triggers.callback import CallbackTrigger
    from airflow.utils.session import create_session
    from sqlalchemy import select

    # It fails, because it has no warehouse.
    assert run_dag(EXAMPLE, "example_iqm_deadline", logical_date=NIGHT).state == "failed"
    with create_session() as session:
        (deadline,) = session.scalars(select(Deadline))
        assert deadline.deadline_time == NIGHT + timedelta(hours=4)
        run_id = deadline.dagrun.run_id
        # As the scheduler does at that time.
        deadline.handle_miss(session)
        data = deadline.callback.data

    async def run_trigger():
        trigger = CallbackTrigger(data["path"], data["kwargs"])
        return [event.payload["state"] async for event in trigger.run()]

    assert asyncio.run(run_trigger()) == ["running", "success"]
    assert chat == [{"text": f"The list isn't live by 08:00: example_iqm_deadline, {run_id}"}]
