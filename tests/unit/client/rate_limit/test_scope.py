from __future__ import annotations

import json
import logging
import threading
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.client.rate_limit import scope
from airflow_provider_iqm.client.rate_limit.scope import open_store, rate_limiter
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMConnectionError
from airflow_provider_iqm.runtime import deployment
from airflow_provider_iqm.runtime.running_task import RunningTask
from airflow_provider_iqm.shared_state.postgres_store import PostgresStore
from airflow_provider_iqm.shared_state.redis_store import RedisStore

LOG = logging.getLogger(__name__)
TASK = RunningTask(identity="a task", pool="iqm_api", pool_slots=2, age=1000)
AIRFLOW = ["/venv/bin/python", "/venv/bin/airflow"]


@pytest.fixture(autouse=True)
def no_limiters(monkeypatch):
    monkeypatch.setattr(scope, "_limiters", {})
    monkeypatch.setattr(scope, "_ledgers", {})
    monkeypatch.setattr(scope, "_is_on_single_host", threading.Event())
    deployment.is_single_host.cache_clear()
    yield
    deployment.is_single_host.cache_clear()


@pytest.fixture
def processes(monkeypatch):
    """The processes of this host, as user id and command line."""
    running: list = []

    def process_iter(attributes):
        assert attributes == ["cmdline", "uids"]
        for uid, cmdline in running:
            uids = SimpleNamespace(effective=uid)
            yield SimpleNamespace(info={"cmdline": cmdline, "uids": uids})

    monkeypatch.setattr("psutil.process_iter", process_iter)
    monkeypatch.setattr("os.geteuid", lambda: 50_000)
    return running


def settings_of(**extra):
    extra = {"client_id": "id", "client_secret": "secret", **extra}
    fields = {"conn_id": "c", "host": None, "login": "a@b.c", "password": "pw", "schema": None, "port": None}
    return IQMConnection.read(SimpleNamespace(**fields), extra)


def component(name, uid=50_000):
    return uid, [*AIRFLOW, name]


BOTH = [component("scheduler"), component("triggerer")]


@pytest.mark.parametrize(
    ("executor", "running", "expected"),
    [
        ("LocalExecutor", BOTH, True),
        ("SequentialExecutor", BOTH, True),
        ("airflow.executors.local_executor.LocalExecutor", BOTH, True),
        ("LocalExecutor", [(50_000, ["python", "-m", "airflow", "scheduler"]), component("triggerer")], True),
        ("LocalExecutor", [component("scheduler"), (50_000, ["airflow triggerer"])], True),
        # A root's wrapper of the component is no other component.
        ("LocalExecutor", [*BOTH, (0, ["sudo", "-u", "airflow", "airflow", "scheduler"])], True),
        # A script, dag.test().
        ("LocalExecutor", [], True),
        ("LocalExecutor", [(50_000, [*AIRFLOW, "api-server"]), (50_000, [])], True),
        # The other one is in another container.
        ("LocalExecutor", [component("scheduler")], False),
        ("LocalExecutor", [component("triggerer")], False),
        # What Airflow 2's scheduler leaves for a while when it ends is no scheduler.
        ("LocalExecutor", [(50_000, ["airflow scheduler -- DagFileProcessorManager"]), component("triggerer")], False),
        ("LocalExecutor", [(50_000, ["airflow scheduler - DagFileProcessor /d.py"]), component("triggerer")], False),
        ("LocalExecutor", [(50_000, [*AIRFLOW, "scheduler", "-D", "--pid", "p"]), component("triggerer")], True),
        # Another user has another folder.
        ("LocalExecutor", [component("scheduler", 1), component("triggerer", 1)], False),
        ("LocalExecutor", [component("scheduler"), component("triggerer", 1)], False),
        ("CeleryExecutor", BOTH, False),
        ("LocalExecutor,KubernetesExecutor", BOTH, False),
        ("my.LocalExecutor:CeleryExecutor", BOTH, False),
        ("", BOTH, False),
    ],
)
def test_detection_of_a_single_host(monkeypatch, processes, executor, running, expected):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    processes += running
    assert deployment.is_single_host() == expected


def test_pods_of_the_kubernetes_executor_are_not_a_single_host(monkeypatch, processes):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")
    assert not deployment.is_single_host()


@pytest.mark.parametrize(
    ("extra", "single_host", "expected"),
    [
        ({}, True, "host"),
        ({}, False, "pool"),
        ({"shared_state_conn_id": "redis"}, True, "shared"),
        ({"rate_limit_scope": "host"}, False, "host"),
        ({"rate_limit_scope": "pool"}, True, "pool"),
        ({"rate_limit_scope": "pool", "shared_state_conn_id": "redis"}, True, "pool"),
    ],
)
def test_scopes(monkeypatch, extra, single_host, expected):
    monkeypatch.setattr(scope, "is_single_host", lambda minute: single_host)
    assert scope.rate_limit_scope(settings_of(**extra), is_task=True) == expected


def test_a_process_that_shares_the_hosts_ledger_keeps_it_while_the_scheduler_restarts(monkeypatch, processes):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    minutes = iter(range(0, 600, 60))
    monkeypatch.setattr(scope, "time", SimpleNamespace(monotonic=lambda: next(minutes)))
    scopes = []
    for running in ([component("triggerer")], BOTH, [component("triggerer")], [component("scheduler")]):
        processes[:] = running
        scopes.append(scope.rate_limit_scope(settings_of(), is_task=False))
    assert scopes == ["pool", "host", "host", "host"]


def test_scripts_have_no_limit_in_scope_pool_unless_the_connection_sets_one():
    pool = {"rate_limit_scope": "pool"}
    assert rate_limiter(settings_of(**pool), LOG, task=None, is_limited=False) is None
    assert rate_limiter(settings_of(**pool), LOG, task=None) is not None
    limiter = rate_limiter(settings_of(**pool, requests_per_minute=5), LOG, task=None, is_limited=False)
    assert limiter.limit.requests == 5


def test_the_limiter_outlives_a_change_of_password_and_of_the_limit():
    """A triggerer that can't log in, or whose connection is changed, still knows its slots."""
    first = settings_of(rate_limit_scope="pool")
    limiter = rate_limiter(first, LOG, task=None)
    assert rate_limiter(first, LOG, task=None) is limiter
    other = rate_limiter(settings_of(rate_limit_scope="pool", requests_per_minute=7), LOG, task=None)
    assert other is not limiter
    assert other.slots is limiter.slots


@pytest.mark.parametrize(("pool", "has_slots"), [("iqm_api", True), ("default_pool", False)])
def test_a_task_uses_the_slots_of_its_pool(pool, has_slots):
    task = RunningTask(identity=pool, pool=pool, pool_slots=2, age=1000)
    limiter = rate_limiter(settings_of(rate_limit_scope="pool"), LOG, task=task)
    assert limiter.slots.has_slots == has_slots
    waits = [limiter.new_turn().ask() for _ in range(3)]
    assert (waits[:2], waits[2] > 0) == ([0, 0], has_slots)


@pytest.mark.parametrize(("conn_type", "kind"), [("redis", RedisStore), ("postgres", PostgresStore)])
def test_the_connection_type_selects_the_store(monkeypatch, conn_type, kind):
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps({"conn_type": conn_type, "host": "h"}))
    assert isinstance(open_store("shared"), kind)


def test_an_invalid_shared_state_connection(monkeypatch):
    with pytest.raises(IQMConnectionError, match="in shared_state_conn_id doesn't exist"):
        open_store("missing")
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps({"conn_type": "mysql", "host": "h"}))
    with pytest.raises(IQMConnectionError, match=r"has type mysql\. Use a connection of type redis or postgres"):
        open_store("shared")
