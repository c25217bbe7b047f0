"""
Runs the example Dag ``example_iqm_warehouse_sync`` against the sandbox, a local stand-in for IQM.

Everything is created in the folder ``.demo`` of the checkout: Airflow's home with its database, a SQLite warehouse with
5,000 generated customers, and a folder for temporary files. The sandbox is stopped at the end, also after an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_iqm.sandbox.warehouse import CUSTOMERS, create_warehouse

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
SCRATCH = DEMO / "scratch"
LOG = DEMO / "run.log"
RESULT = DEMO / "result.json"
DAG_ID = "example_iqm_warehouse_sync"
TIMEOUT = 240
"""Timeout of the run (seconds)."""

SHOWN_MESSAGES = re.compile(r"((?:Uploading|Waiting for|IQM created|Audience \d+) .*?)(?:\s+\[airflow\.|$)")
"""The messages of the task log that the demo prints; the full log is in ``.demo/run.log``."""


def main() -> int:
    """Run the demo, and return the exit code."""
    started = time.monotonic()
    prepare_folder()
    with sandbox() as connection:
        environment = airflow_environment(connection)
        say("Setting up Airflow's database and the pool iqm_api")
        airflow("db", "migrate", environment=environment)
        airflow("pools", "import", str(ROOT / "example_dags" / "pools.json"), environment=environment)
        say(f"Running the Dag {DAG_ID} (full log: {LOG.relative_to(ROOT)})")
        code = run_dag(environment)
    return summarize(code, time.monotonic() - started)


def prepare_folder() -> None:
    shutil.rmtree(DEMO, ignore_errors=True)
    (DEMO / "airflow").mkdir(parents=True)
    SCRATCH.mkdir()
    say(f"Creating a SQLite warehouse with {CUSTOMERS:,} generated customers")
    create_warehouse(DEMO / "warehouse.db")


@contextlib.contextmanager
def sandbox() -> Iterator[str]:
    """Start the sandbox on a free port, and yield the Airflow connection to it."""
    command = [sys.executable, "-m", "airflow_provider_iqm.sandbox", "--port", "0"]
    command += ["--processing-seconds", "2", "--pending-seconds", "2"]
    # Shorten the rate limit's window to a second, or the demo would mostly wait.
    command += ["--rate-limit-window", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        connection = None
        for line in process.stdout or ():
            if line.startswith("IQM sandbox listening"):
                say(line.strip())
            if found := re.search(r"AIRFLOW_CONN_IQM_DEFAULT='(.*)'", line):
                connection = found[1]
                break
        if connection is None:
            raise SystemExit("The sandbox did not start.")
        yield connection
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def airflow_environment(iqm_connection: str) -> dict[str, str]:
    """Return the environment of the demo's own Airflow."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")}
    return inherited | {
        "AIRFLOW_HOME": str(DEMO / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_IQM_DEFAULT": iqm_connection,
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(DEMO / "warehouse.db")}),
        "EXAMPLE_IQM_POKE_INTERVAL": "1",
        "TMPDIR": str(SCRATCH),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def airflow(*arguments: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "airflow", *arguments]
    with LOG.open("a") as log:
        code = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode
    if code:
        sys.stderr.write(LOG.read_text())
        raise SystemExit(f"airflow {' '.join(arguments)} failed; see its output above.")


def run_dag(environment: dict[str, str]) -> int:
    """Run the Dag in a subprocess, print the important messages of its log, and return its exit code."""
    command = [sys.executable, str(ROOT / "demo" / "run_dag.py"), DAG_ID, str(RESULT)]
    deadline = time.monotonic() + TIMEOUT
    with LOG.open("a") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        seen = set()
        for line in process.stdout or ():
            log.write(line)
            match = SHOWN_MESSAGES.search(line)
            message = match[1] if match else ""
            if message and message not in seen:
                seen.add(message)
                say(f"  {message}")
            if time.monotonic() > deadline:
                process.kill()
        return process.wait()


def summarize(code: int, seconds: float) -> int:
    """Print the result, and return the exit code."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    audience = result.get("audience") or {}
    leftovers = list(SCRATCH.rglob("*.csv"))
    ok = code == 0 and result.get("state") == "success" and bool(audience) and not leftovers
    print()
    for task, state in result.get("tasks", {}).items():
        print(f"  {task:<18} {state}")
    print()
    if audience:
        print(f"  Audience id   {audience['id']}")
        print(f"  Name          {audience['name']}")
        print(f"  Records       {audience['records']:,}")
        print(f"  Status        {audience['status']}")
        print(f"  Match rate    {audience['match_rate']:.2f} %")
    if leftovers:
        print(f"  Not deleted   {', '.join(path.name for path in leftovers)}")
    print(f"\n  {'The audience is ready' if ok else 'FAILED: see ' + str(LOG)} ({seconds:.0f} s)")
    return 0 if ok else 1


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
