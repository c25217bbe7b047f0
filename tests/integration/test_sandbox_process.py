"""The sandbox as people start it: a process with a command line, which is talked to over HTTP."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.integration.memory import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDARY = "a-boundary"
ROW = b'%07d,"Smith, Ann ""Annie""",12 Long Street,Springfield,NY,01234,something more to make the line long\r\n'
HEADER = b"id,name,street,city,state,zip,note\r\n"


@contextmanager
def sandbox(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    command = [sys.executable, "-m", "airflow_provider_iqm.sandbox", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, list(iter(process.stdout.readline, "Press Ctrl+C to stop.\n"))
        finally:
            process.kill()


def address(lines: list[str]) -> str:
    match = re.fullmatch(r"IQM sandbox listening on (http://127\.0\.0\.1:\d+)\n", lines[0])
    assert match, lines
    return match.group(1)


def log_in(lines: list[str]) -> dict[str, str]:
    """Log in with what the sandbox says one should put into the connection."""
    (assignment,) = shlex.split(lines[2].removeprefix("export "))
    connection = json.loads(assignment.removeprefix("AIRFLOW_CONN_IQM_DEFAULT="))
    extra = connection["extra"]
    answer = requests.post(
        f"{connection['host']}/api/v3/ua/login",
        json={"grantType": "password", "email": connection["login"], "password": connection["password"]},
        auth=(extra["client_id"], extra["client_secret"]),
        headers={"X-IAA-HOST": extra["workspace_host"]},
        timeout=10,
    )
    data = answer.json()["data"]
    return {"Authorization": f"Bearer {data['access_token']}", "X-IAA-OW-ID": str(data["owId"])}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_stops_cleanly_while_a_client_hangs(stop: signal.Signals) -> None:
    with sandbox("--email", "it's me", "--client-secret", 'a"b c') as (process, lines):
        headers = log_in(lines)
        fault = {"kind": "hang", "path": "/api/v2/*"}
        requests.post(f"{address(lines)}/_sandbox/faults", json=fault, timeout=10).raise_for_status()
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{address(lines)}/api/v2/audience/status", headers=headers, timeout=0.2)
        # One client waits for an answer that won't come while the sandbox stops.
        requests.post(f"{address(lines)}/_sandbox/faults", json=fault, timeout=10).raise_for_status()
        client = subprocess.Popen(["curl", "-s", f"{address(lines)}/api/v2/audience/status"])
        try:
            while len(requests.get(f"{address(lines)}/_sandbox/requests", timeout=10).json()) < 3:
                pass
            process.send_signal(stop)
            assert process.wait(timeout=10) == 0
            assert client.wait(timeout=10) != 0
        finally:
            client.kill()


def test_a_new_audience_is_listed_after_the_delay() -> None:
    with sandbox("--list-delay", "120") as (_, lines):
        settings = requests.get(f"{address(lines)}/_sandbox/settings", timeout=10).json()
    assert settings["list_delay_seconds"] == 120


def test_options_reach_the_server() -> None:
    with sandbox("--requests-per-minute", "2", "--rate-limit-window", "5", "--retry-after") as (_, lines):
        headers = log_in(lines)
        codes = []
        for _ in range(3):
            answer = requests.get(f"{address(lines)}/api/v2/audience/status", headers=headers, timeout=10)
            codes.append(answer.status_code)
        assert codes == [200, 429, 429]
        assert 1 <= int(answer.headers["Retry-After"]) <= 5


@pytest.mark.parametrize("options", [["--port", "x"], ["--requests-per-minute", "0"], ["--host", "192.0.2.1"]])
def test_wrong_options_are_explained(options: list[str]) -> None:
    command = [sys.executable, "-m", "airflow_provider_iqm.sandbox", *options]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2
    assert "error: " in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see the memory of a process")
def test_a_large_upload_is_counted_in_constant_memory() -> None:
    megabyte = b"".join(ROW % number for number in range(10_000))
    times = 300_000_000 // len(megabyte)
    size, records = len(HEADER) + times * len(megabyte), times * 10_000
    columns = HEADER.decode().strip().split(",")
    metadata = {
        "columns": columns,
        "fileName": "people.csv",
        "fileSize": size,
        "columnValues": {column: ["x"] for column in columns},
        "rows": records,
    }
    fields = {
        "columns": json.dumps({"street": "Residence_FullAddress"}),
        "audienceName": "Many people",
        "metadata": json.dumps(metadata),
        "fileTotalCount": str(records),
        "isSingleColumnEnabled": "true",
    }

    def body() -> Iterator[bytes]:
        disposition = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
        for name, value in fields.items():
            yield f'{disposition}"{name}"\r\n\r\n{value}\r\n'.encode()
        yield f'{disposition}"file"; filename="people.csv"\r\nContent-Type: text/csv\r\n\r\n'.encode() + HEADER
        for _ in range(times):
            yield megabyte
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    with sandbox() as (process, lines):
        headers = log_in(lines) | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        before = memory(process.pid)
        url = f"{address(lines)}/api/v2/audience/matched/add"
        answer = requests.post(url, data=body(), headers=headers, timeout=120)
        assert answer.status_code == 200, answer.text
        assert memory(process.pid) - before < 32 * 1024 * 1024
        (audience,) = requests.get(f"{address(lines)}/_sandbox/audiences", timeout=10).json()
    assert (audience["size"], audience["records"]) == (size, records)


def test_it_provides_the_warehouse_of_the_example_dags_and_keeps_one_that_is_there(tmp_path):
    path = tmp_path / "ware house.db"
    with sandbox("--warehouse", str(path)) as (_, lines):
        commands = [shlex.split(line) for line in lines if line.startswith("airflow connections add ")]
    assert [command[3] for command in commands] == ["iqm_default", "warehouse"]
    assert commands[1][-1] == str(path)
    with closing(sqlite3.connect(path)) as warehouse, warehouse:
        assert warehouse.execute("SELECT count(DISTINCT email) FROM customers WHERE opted_in = 1").fetchone() == (5000,)
        warehouse.execute("DELETE FROM customers")
    with sandbox("--warehouse", str(path)), closing(sqlite3.connect(path)) as warehouse:
        assert warehouse.execute("SELECT count(*) FROM customers").fetchone() == (0,)
