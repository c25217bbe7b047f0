"""Redis and Postgres as the stores of shared state: the same rules as the ledger's, on real servers."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state import postgres_statements
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.postgres_store import PostgresStore
from airflow_provider_iqm.shared_state.redis_store import RedisStore
from tests.integration import services
from tests.unit.shared_state.simulation import Clock, ModelStore, Simulation

LIMIT = RateLimit(3, 60)


@pytest.fixture(scope="module")
def redis_port():
    with services.redis() as port:
        yield port


@pytest.fixture(params=["redis", "postgres"])
def make_store(request, monkeypatch):
    """Make a store, by the kind of server."""
    if request.param == "redis":
        connection = {"conn_type": "redis", "host": "127.0.0.1", "port": request.getfixturevalue("redis_port")}
        kind = RedisStore
    else:
        port = request.getfixturevalue("postgres").port
        connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "postgres"}
        connection["schema"] = "postgres"
        kind = PostgresStore
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps(connection))

    def make(clock=None, **changes):
        if changes:
            monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps(connection | changes))
        return kind("shared", clock=clock)

    return make


@pytest.fixture
def account(request):
    """An account that no other test has."""
    return f"{request.node.name}-{time.monotonic_ns()}"


def test_the_limit_is_shared_by_all_stores_of_the_server(make_store, account):
    for number in range(3):
        assert make_store().ask(account, str(number), LIMIT) == 0
    store = make_store()
    assert 59 < store.ask(account, "x", LIMIT) <= 60
    assert 59 < store.ask(account, "y", LIMIT) <= 60
    assert store.ask(account + "other", "x", LIMIT) == 0


def test_the_clock_is_the_servers(make_store, account):
    limit = RateLimit(1, 0.5)
    store = make_store()
    assert store.ask(account, "x", limit) == 0
    store.end(account, "x", limit)
    wait = store.ask(account, "y", limit)
    assert 0 < wait <= 0.5
    time.sleep(wait)
    assert store.ask(account, "y", limit) == 0
    store.end(account, "y", limit, full_for=0.7)
    assert 0.5 < store.ask(account, "z", limit) <= 0.7


@pytest.mark.parametrize("seed", range(4))
def test_every_operation_answers_as_the_ledger_does(make_store, account, seed):
    """Random operations, on the server and in memory."""
    rng = random.Random(seed)
    clock = Clock()
    store, model = make_store(clock), ModelStore(clock, sees_processes=False)
    limit = RateLimit(rng.choice([1, 3, 20]), 60)
    for step in range(150):
        clock.now += rng.choice([0, 0.5, 3, 20])
        request = str(rng.randrange(limit.requests * 2 + 10))
        match rng.choice(["ask"] * 5 + ["end"] * 3 + ["renew", "hold", "full"]):
            case "ask":
                asked = [each.ask(account, request, limit) for each in (store, model)]
                assert asked[0] == pytest.approx(asked[1], abs=2e-3), f"step {step}"
            case "hold":
                asked = [each.ask(account, request, limit, hold=200) for each in (store, model)]
                assert asked[0] == pytest.approx(asked[1], abs=2e-3), f"step {step}"
            case "end":
                for each in (store, model):
                    each.end(account, request, limit)
            case "full":
                for each in (store, model):
                    each.end(account, request, limit, full_for=30)
            case "renew":
                for each in (store, model):
                    if request in model.ledgers[account].sent if account in model.ledgers else False:
                        each.renew(account, request, limit)


@pytest.mark.parametrize("seed", range(30))
def test_no_window_ever_holds_more_requests_than_the_limit(make_store, account, seed):
    clock = Clock()
    limit = RateLimit(1 + seed % 5, 60)
    Simulation(make_store(clock), clock, seed, limit, tasks=1 + seed % 12, account=account).run().check_limit()


def test_many_at_once_lose_nothing(make_store, account):
    store = make_store()
    limit = RateLimit(20, 3600)
    barrier = threading.Barrier(40)

    def ask(number):
        barrier.wait()
        return [store.ask(account, f"{number}-{again}", limit) for again in range(5)]

    with ThreadPoolExecutor(40) as threads:
        waits = [wait for asked in threads.map(ask, range(40)) for wait in asked]
    assert waits.count(0) == 20
    assert store.ask(account, "x", RateLimit(200, 3600)) > 0
    assert store.ask(account, "x", RateLimit(201, 3600)) == 0


def test_a_value_expires(make_store, account):
    store = make_store()
    assert store.get(account) is None
    store.put(account, b"\0value\xff", 0.3)
    assert store.get(account) == b"\0value\xff"
    time.sleep(0.31)
    assert store.get(account) is None


def test_a_value_is_added_by_one_and_removed_by_the_same(make_store, account):
    store = make_store()
    with ThreadPoolExecutor(10) as threads:
        added = list(threads.map(lambda number: store.add(account, b"%d" % number, 60), range(10)))
    assert added.count(True) == 1
    store.remove(account, b"another")
    assert store.get(account) == b"%d" % added.index(True)
    store.remove(account, b"%d" % added.index(True))
    assert store.add(account, b"again", 0.3)
    time.sleep(0.31)
    assert store.add(account, b"after it has expired", 60)


def once_it_is_up(operation):
    """Run an operation as soon as the server, which listens already, works."""
    results = []

    def works():
        with contextlib.suppress(SharedStateError):
            results.append(operation())
        return results

    services.until(works, "the server works", seconds=30)
    return results[0]


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_server_that_dies_and_comes_back(kind, monkeypatch, account):
    server = getattr(services, kind)
    with server() as port:
        connection = {"conn_type": kind, "host": "127.0.0.1", "port": port}
        if kind == "postgres":
            connection |= {"login": "postgres", "schema": "postgres"}
        monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps(connection))
        store = {"redis": RedisStore, "postgres": PostgresStore}[kind]("shared")
        assert once_it_is_up(lambda: store.ask(account, "x", LIMIT)) == 0
    with pytest.raises(SharedStateError):
        store.end(account, "x", LIMIT)
    monkeypatch.setattr(services, "free_port", lambda: port)
    with server():
        once_it_is_up(lambda: store.end(account, "x", LIMIT))
        assert store.ask(account, "y", LIMIT) == 0


def test_a_forked_process_has_a_connection_of_its_own(make_store, account):
    store = make_store()
    assert store.ask(account, "x", LIMIT) == 0
    pid = os.fork()
    if not pid:
        os._exit(10 + int(store.ask(account, "y", LIMIT) == 0))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 11
    assert store.ask(account, "z", LIMIT) == 0
    assert store.ask(account, "w", LIMIT) > 0


def test_a_server_that_cannot_be_reached(make_store, account):
    store = make_store(port=services.free_port())
    operations = [
        lambda: store.ask(account, "x", LIMIT),
        lambda: store.renew(account, "x", LIMIT),
        lambda: store.end(account, "x", LIMIT),
        lambda: store.get(account),
        lambda: store.put(account, b"", 1),
        lambda: store.add(account, b"", 1),
        lambda: store.remove(account, b""),
    ]
    for operation in operations:
        with pytest.raises(SharedStateError, match=r'\(connection "shared"\) is unavailable: '):
            operation()


def test_a_connection_that_is_corrected_is_read_again(make_store, account, monkeypatch):
    make_store()
    right = os.environ["AIRFLOW_CONN_SHARED"]
    store = make_store(port=services.free_port())
    with pytest.raises(SharedStateError):
        store.ask(account, "x", LIMIT)
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", right)
    assert store.ask(account, "x", LIMIT) == 0


@pytest.fixture
def postgres_store(postgres, monkeypatch):
    """A store whose connection sets options of its own."""
    extra = {
        "options": "-c statement_timeout=0 -c default_transaction_isolation=serializable -c application_name=own",
        "keepalives_count": 9,
    }
    connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": postgres.port, "login": "postgres"}
    connection |= {"schema": "postgres", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps(connection))
    return PostgresStore("shared")


def test_a_connections_own_options_are_kept_and_change_no_operation(postgres_store):
    def setting(name):
        return postgres_store._run(f"SELECT current_setting('{name}')", {})

    assert setting("statement_timeout") == "5s"
    assert setting("transaction_isolation") == "read committed"
    assert setting("application_name") == "own"
    info = postgres_store._connection.info
    parameters = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
    expected = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "5", "keepalives_count": "9"}
    assert {name: parameters.get(name) for name in expected} == expected


def test_an_operation_does_not_wait_for_ever_for_another_one(postgres_store, account, monkeypatch):
    assert postgres_store.ask(account, "x", LIMIT) == 0
    brief = postgres_statements.SETTINGS.replace("5s", "100ms")
    assert brief != postgres_statements.SETTINGS
    monkeypatch.setattr(postgres_statements, "SETTINGS", brief)
    with closing(postgres_store._hook.get_conn()) as other, closing(other.cursor()) as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [account])
        with pytest.raises(SharedStateError, match="statement timeout"):
            postgres_store.ask(account, "y", LIMIT)
    assert postgres_store.ask(account, "y", LIMIT) == 0
