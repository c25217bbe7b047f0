"""The metrics of a real task, as a StatsD server receives them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_iqm.hooks.iqm import IQMHook

ROOT = Path(__file__).parents[2]
SECRET = "shire.example"

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("metrics", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    upload = MatchedAudienceUploadOperator(
        task_id="upload", audience_name="Night of Frodo", columns={"email": "Email"}, column_settings={"Email": "Raw"},
        normalize=True, drop_duplicates=True, max_invalid_ratio=0.9, poke_interval=0.2, **ARGUMENTS,
    )
    AudienceReadySensor(task_id="wait", audience_id=upload.output, poke_interval=0.2)

if __name__ == "__main__":
    if hasattr(dag, "sync_to_db"):
        dag.sync_to_db()
    assert str(dag.test().state) == "success"
"""


@pytest.fixture
def api_version():
    return "v3"


@contextmanager
def statsd():
    """Receive metrics on a UDP socket: metric → its values, in their order."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    lines: list[str] = []

    def receive():
        while (packet := server.recv(65536)) != b"end":
            lines.extend(packet.decode().splitlines())

    thread = threading.Thread(target=receive)
    thread.start()
    try:
        yield server.getsockname()[1], lines
    finally:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"end", server.getsockname())
        thread.join()
        server.close()


def parse(lines):
    """Return the package's metrics: (name, kind) → (tags, value), in their order."""
    found = defaultdict(list)
    for line in lines:
        if match := re.fullmatch(r"airflow\.(iqm\.[\w.]+)((?:,\w+=[^,:]*)*):([\d.]+)\|(c|g|ms)", line):
            name, tags, value, kind = match.groups()
            found[name, kind].append((dict(tag.split("=") for tag in tags.split(",")[1:]), float(value)))
    return found


@pytest.mark.parametrize(("deferrable", "tagged"), [(True, True), (False, False)])
def test_a_statsd_server_receives_the_metrics_of_a_task(sandbox, tmp_path, calls, airflow_database, deferrable, tagged):
    sandbox.change_settings(match_rate=42.5)
    people = tmp_path / "people.csv"
    people.write_text("email\n" + "".join(f"p{number}@{SECRET}\n" for number in [*range(10), 1, 2]) + "wrong\n" * 3)
    old = IQMHook().upload_matched_audience(
        file_path=people, audience_name="Old", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    )
    sandbox.add_campaign(included=[old])
    before = len(sandbox.requests)
    sandbox.add_fault("status", path=calls.upload, status=429, headers={"Retry-After": "0"}, times=1)
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    folder.mkdir(exist_ok=True)
    dag = folder / "metrics.py"
    arguments = {"file_path": str(people), "replaces": old, "deferrable": deferrable}
    dag.write_text(DAG.replace("ARGUMENTS", repr(arguments)))
    with statsd() as (port, lines):
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": str(tagged),
        }
        done = subprocess.run([sys.executable, dag], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = parse(lines)
    sums = {name: sum(value for _, value in values) for (name, kind), values in found.items() if kind == "c"}
    audience = sandbox.audiences[-1]
    requests = len(sandbox.requests) - before
    assert sums == {
        "iqm.requests": requests,
        "iqm.requests.rate_limited": 1,
        "iqm.uploads": 1,
        "iqm.upload.records": 10,
        "iqm.upload.bytes": len("email\n") + 10 * len(f"p0@{SECRET}\n"),
        "iqm.records.dropped.malformed_email": 3,
        "iqm.records.dropped.duplicate": 2,
        "iqm.audiences.replaced": 1,
    }
    assert audience.records == 10
    assert [value for _, value in found["iqm.audience.match_rate", "g"]] == [42.5, 42.5]
    assert len(found["iqm.rate_limit.wait", "ms"]) == requests
    # One by the upload, and one by the sensor.
    times = [value for _, value in found["iqm.audience.time_to_ready", "ms"]]
    assert len(times) == 2
    assert 0 <= min(times) <= max(times) < 60_000
    ours = [line for line in lines if "iqm." in line]
    assert [line for line in ours if SECRET in line or "Frodo" in line or "people" in line] == []
    if tagged:
        tags, _ = found["iqm.upload.records", "c"][0]
        assert tags == {"dag_id": "metrics", "task_id": "upload"}
        assert {tags["iqm_conn_id"] for tags, _ in found["iqm.requests", "c"]} == {"iqm_default"}
        assert [tags["task_id"] for tags, _ in found["iqm.audience.match_rate", "g"]] == ["upload", "wait"]
