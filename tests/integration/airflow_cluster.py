"""A whole Airflow: its components as processes of their own, and a Postgres under them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import airflow
import psutil
import psycopg2

from tests.integration.services import free_port, listens, postgres, until

COMPONENTS = ("scheduler", "triggerer")
if not airflow.__version__.startswith("2."):
    COMPONENTS += ("api-server", "dag-processor")

SCALED_DOWN = {
    # A task whose worker is gone is noticed after seconds, not minutes; so is a triggerer.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
}


@dataclass
class AirflowCluster:
    """
    An Airflow under way.

    :param home: Its home.
    :param environment: The environment of all its processes.
    :param database: The port of its Postgres.
    :param url: Where its user interface is.
    """

    home: Path
    environment: dict[str, str]
    database: int
    url: str
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def airflow(self, *arguments: str) -> None:
        """Run a command of Airflow's to its end."""
        done = subprocess.run(self._command(*arguments), env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    def start(self, name: str, *arguments: str) -> None:
        """Start a component under a name of its own; without arguments the name is the command."""
        with (self.home / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                self._command(*(arguments or [name])),
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.home,
            )

    def kill(self, name: str) -> None:
        """End a component by SIGKILL, with all its children."""
        process = self.processes.pop(name)
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        for member in family:
            try:
                member.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        process.wait(timeout=30)

    def until(self, condition: Callable[[], object], what: str, *, seconds: float) -> None:
        """Wait until something is true, as long as all components live."""

        def true_or_hopeless() -> bool:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    log = (self.home / f"{name}.log").read_text()
                    raise AssertionError(f"{name} ended with {process.returncode}:\n{log[-3000:]}")
            return bool(condition())

        until(true_or_hopeless, what, seconds=seconds)

    def query(self, sql: str) -> list[tuple]:
        """Ask the metadata database."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.database, user="postgres", dbname="postgres")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def dag_state(self, dag_id: str) -> str | None:
        """Return the state of a Dag's only run."""
        found = self.query(f"SELECT state FROM dag_run WHERE dag_id = '{dag_id}'")
        return found[0][0] if found else None

    def task_states(self, dag_id: str, task_id: str) -> list[str | None]:
        """Return the states of a task's instances."""
        found = self.query(f"SELECT state FROM task_instance WHERE dag_id = '{dag_id}' AND task_id = '{task_id}'")
        return [state for (state,) in found]

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]


@contextmanager
def airflow_cluster(
    home: Path, *, executor: str, dags: Mapping[str, str], pools: Mapping[str, dict], settings: Mapping[str, str]
) -> Iterator[AirflowCluster]:
    """
    Run an Airflow without its workers, until the end of the block.

    :param home: An empty folder.
    :param executor: The executor's name.
    :param dags: Dag id → source.
    :param pools: The pools, as ``airflow pools import`` takes them.
    :param settings: More of Airflow's settings, as ``SECTION__KEY``, or connections, as ``CONN_ID``.
    """
    folder = home / "dags"
    folder.mkdir(parents=True)
    for dag_id, source in dags.items():
        (folder / f"{dag_id}.py").write_text(source)
    (home / "pools.json").write_text(json.dumps(pools))
    api = free_port()
    with postgres() as database:
        address = f"postgres@127.0.0.1:{database}/postgres"
        configuration = {
            "API__HOST": "127.0.0.1",
            "API__PORT": str(api),
            "API__SECRET_KEY": "of the tests",
            "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": "of the tests, and long enough for what signs with it",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__DAGS_FOLDER": str(folder),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
            "CORE__EXECUTOR": executor,
            "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}",
            "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{address}",
            **SCALED_DOWN,
            **settings,
        }
        environment = os.environ | {
            f"AIRFLOW_{'' if key.startswith('CONN_') else '_'}{key}": value for key, value in configuration.items()
        }
        cluster = AirflowCluster(home, environment | {"AIRFLOW_HOME": str(home)}, database, f"http://127.0.0.1:{api}")
        cluster.airflow("db", "migrate")
        cluster.airflow("pools", "import", str(home / "pools.json"))
        try:
            for component in COMPONENTS:
                cluster.start(component)
            if "api-server" in COMPONENTS:
                cluster.until(lambda: listens(api), "the API server listens", seconds=300)
            yield cluster
        finally:
            for name in list(cluster.processes):
                cluster.kill(name)
