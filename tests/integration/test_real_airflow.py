"""
A night's sync in a real Airflow: scheduler, triggerer, API server, Dag processor, workers, Postgres, Redis.

IQM's minute is scaled down to a third of one, and its limit to ten requests in it. The sandbox enforces them as a
sliding window. A machine that takes a second or two to start a task has less to lose in a whole minute.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import airflow
import pytest

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from tests.integration.airflow_cluster import airflow_cluster
from tests.integration.services import postgres, redis

pytestmark = pytest.mark.cluster

UPLOADS = 40
SLOTS = 10
WINDOW = 20.0
UPLOAD = "/api/v2/audience/matched/add"
LOG_IN = "/api/v3/ua/login"

SYNC = f"""
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG(
    "sync",
    schedule="@once",
    start_date=datetime(2026, 1, 1),
    default_args={{"pool": "iqm_api", "retries": 3, "retry_delay": timedelta(seconds=1)}},
) as dag:
    upload = MatchedAudienceUploadOperator.partial(
        task_id="upload", columns={{"email": "Email"}}, column_settings={{"Email": "Raw"}}, file_path="LIST",
        # On a busy machine, Airflow loses a try before our code runs; the next one searches this long.
        lost_answer_timeout=20,
    ).expand(audience_name=[f"List {{number}}" for number in range({UPLOADS})])
    AudienceReadySensor(task_id="wait", audience_id=upload.output, deferrable=True, poke_interval=1, timeout=600)
"""

RESTART = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("restart", schedule=None, start_date=datetime(2026, 1, 1), params={"audience_id": 1}) as dag:
    AudienceReadySensor(
        task_id="wait", audience_id="{{ params.audience_id }}", deferrable=True, poke_interval=1, timeout=600,
        min_match_rate=1, outlets=[matched_audience_asset("Customers")],
    )
"""

POD = """
import os, tempfile

# As in a pod of its own: each process of a task has another home and another temporary folder.
tempfile.tempdir = None
os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.mkdtemp()
"""

EXAMPLES = Path(__file__).parents[2] / "example_dags"
# Only the part that an asset's event starts; there is no warehouse for the other.
CAMPAIGN = (EXAMPLES / "example_iqm_campaign_on_ready_audience.py").read_text().replace('"0 4 * * *"', "None")


@pytest.fixture
def sandbox():
    """A local IQM with a limit of its own, in which nothing becomes ready until a test says so."""
    settings = SandboxSettings(
        port=0, requests_per_minute=SLOTS, rate_limit_window=WINDOW, processing_seconds=3600, pending_seconds=0
    )
    with Sandbox(settings) as server:
        yield server


@pytest.fixture(autouse=True)
def connect(sandbox, monkeypatch):
    """Connect to the local IQM; call it to set more of the connection's extra."""

    def connect(**more):
        settings = sandbox.settings
        extra = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "rate_limit_window": WINDOW,
            "requests_per_minute": SLOTS,
            **more,
        }
        connection = {"conn_type": "iqm", "host": sandbox.url, "login": settings.email, "password": settings.password}
        monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(connection | {"extra": extra}))

    connect()
    return connect


@pytest.fixture
def start(tmp_path):
    """Return the arguments of a cluster with the Dags of this module."""
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")

    def start(executor: str, *, prefix: str = "", **settings: str):
        return airflow_cluster(
            tmp_path / "airflow",
            executor=executor,
            dags={"sync": prefix + SYNC.replace("LIST", str(path)), "restart": RESTART, "campaign": CAMPAIGN},
            pools={"iqm_api": {"slots": SLOTS, "description": "IQM's limit", "include_deferred": True}},
            settings={"CORE__PARALLELISM": str(SLOTS + 2)} | settings,
        )

    return start


def uploads(sandbox):
    return [request for request in sandbox.requests if request.path == UPLOAD]


def budget_used(sandbox, *, rounds):
    """
    Return the share of the requests that the account could have made while work waited, and that were made.

    Work waits as long as there are more uploads to be done than slots. Counted from the first request of the first
    round to the first one of the round after the last; a round is as many requests as there are slots.
    """
    moments = sorted(request.monotonic for request in sandbox.requests)
    return rounds * WINDOW / (moments[rounds * SLOTS] - moments[0])


def check_the_sync(cluster, sandbox):
    """Let the sensor of a sync that has uploaded everything succeed, and see that all is right."""
    cluster.until(lambda: cluster.task_states("sync", "wait") == ["deferred"], "the sensor is deferred", seconds=300)
    sandbox.change_settings(processing_seconds=0)
    cluster.until(lambda: cluster.dag_state("sync") in {"success", "failed"}, "the sync has ended", seconds=180)
    assert cluster.dag_state("sync") == "success"
    assert cluster.task_states("sync", "upload") == ["success"] * UPLOADS
    assert Counter(audience.name for audience in sandbox.audiences) == {f"List {n}": 1 for n in range(UPLOADS)}
    assert [request.path for request in sandbox.requests if request.status == 429] == []


def test_local_executor(start, sandbox):
    with start("LocalExecutor") as cluster:
        cluster.until(lambda: len(uploads(sandbox)) > UPLOADS - SLOTS, "all but the last uploads are done", seconds=300)
        used = budget_used(sandbox, rounds=UPLOADS // SLOTS - 1)
        print(f"used {used:.1%} of the budget")
        check_the_sync(cluster, sandbox)
        assert used >= 0.85

        # Nobody else sends anything now, so the wait outside the pool may use the account's whole limit.
        sandbox.change_settings(processing_seconds=3600)
        cluster.airflow("dags", "trigger", "restart", "--conf", json.dumps({"audience_id": sandbox.audiences[0].id}))
        cluster.until(
            lambda: cluster.task_states("restart", "wait") == ["deferred"], "the sensor is deferred", seconds=90
        )
        asked = len(sandbox.requests)
        cluster.until(lambda: len(sandbox.requests) > asked, "the trigger asks", seconds=90)
        cluster.kill("triggerer")
        asked = len(sandbox.requests)
        cluster.start("another-triggerer", "triggerer")
        cluster.until(lambda: len(sandbox.requests) > asked, "the trigger asks from another triggerer", seconds=120)
        sandbox.change_settings(processing_seconds=0)
        cluster.until(lambda: cluster.dag_state("restart") in {"success", "failed"}, "the wait has ended", seconds=120)
        assert cluster.dag_state("restart") == "success"

        # The sensor's outlet is what the example's campaign is scheduled on.
        campaign = "example_iqm_campaign_on_ready_audience"
        cluster.until(
            lambda: cluster.dag_state(campaign) in {"success", "failed"}, "the campaign has ended", seconds=90
        )
        assert cluster.dag_state(campaign) == "success"
        ((found,),) = cluster.query(f"SELECT value FROM xcom WHERE dag_id = '{campaign}' AND key = 'return_value'")
        # Airflow 2 keeps bytes.
        found = bytes(found).decode() if isinstance(found, memoryview) else str(found)
        assert found == str(sandbox.audiences[0].id)


@pytest.mark.skipif(
    airflow.__version__.startswith("2."),
    reason="Airflow 2, told to notice dead tasks within seconds, fails one several times for one death",
)
@pytest.mark.parametrize(("scope", "expected"), [("pool", 0.85), ("shared", 0.9)])
def test_celery_executor_that_loses_a_worker(start, sandbox, connect, scope, expected):
    with redis() as port:
        store = f"redis://127.0.0.1:{port}"
        if scope == "shared":
            connect(shared_state_conn_id="iqm_state")
        settings = {"CELERY__BROKER_URL": f"{store}/0", "CONN_IQM_STATE": f"{store}/1"}
        with start("CeleryExecutor", **settings) as cluster:
            for number in (1, 2):
                cluster.start(
                    f"worker-{number}",
                    *("celery", "worker", "--celery-hostname", f"worker-{number}@localhost", "--skip-serve-logs"),
                    *("--concurrency", str(SLOTS), "--pid", str(cluster.home / f"worker-{number}.pid")),
                    *("--without-gossip", "--without-mingle"),
                )
            cluster.until(lambda: len(uploads(sandbox)) > UPLOADS // 2, "half of the uploads are done", seconds=300)
            # From here on a part of the account's slots is held for tasks that are dead, until Airflow notices.
            used = budget_used(sandbox, rounds=UPLOADS // SLOTS // 2)
            print(f"used {used:.1%} of the budget")
            # In the middle of a round, when all of its tasks run and have sent nothing yet.
            time.sleep(WINDOW / 2)
            cluster.kill("worker-1")
            check_the_sync(cluster, sandbox)
            assert used >= expected
            tries = cluster.query("SELECT max(try_number) FROM task_instance WHERE task_id = 'upload'")
            assert tries[0][0] > 1
            if scope == "shared":
                # For both workers and the triggerer.
                assert [request.path for request in sandbox.requests].count(LOG_IN) == 1


@pytest.mark.skipif(
    airflow.__version__.startswith("2."), reason="Airflow 2 forks tasks from processes that have run others"
)
def test_tasks_that_share_nothing_but_a_ledger_in_postgres(start, sandbox, connect):
    with postgres() as port:
        connect(shared_state_conn_id="iqm_state")
        settings = {"CONN_IQM_STATE": f"postgres://postgres@127.0.0.1:{port}/postgres"}
        with start("LocalExecutor", prefix=POD, **settings) as cluster:
            cluster.until(lambda: len(uploads(sandbox)) == UPLOADS, "all uploads are done", seconds=300)
            used = budget_used(sandbox, rounds=UPLOADS // SLOTS - 1)
            print(f"used {used:.1%} of the budget")
            check_the_sync(cluster, sandbox)
            assert used >= 0.9
            assert [request.path for request in sandbox.requests].count(LOG_IN) == 1
