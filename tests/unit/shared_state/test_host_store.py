from __future__ import annotations

import random
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing

import pytest

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state import host_store
from airflow_provider_iqm.shared_state.file_lock import file_lock
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.process import host_clock
from tests.unit.shared_state.simulation import Clock, ModelStore, Simulation

LIMIT = RateLimit(3, 60)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    return HostStore(tmp_path, clock=clock)


def host_store_of(folder, later=0):
    """The store that :func:`other_process` has, some seconds later."""
    return HostStore(folder, clock=lambda: host_clock() + 10**6 + later)


def other_process(code, folder, *arguments):
    """Run Python code in another process; ``store`` and ``LIMIT`` are there."""
    prelude = f"""
import os, sys, time
from pathlib import Path
from airflow_provider_iqm.shared_state.file_lock import file_lock
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.process import host_clock
# As on a host that has been running for a long time.
store = HostStore(Path({str(folder)!r}), clock=lambda: host_clock() + 10**6)
"""
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def test_all_users_of_the_folder_share_the_limit(tmp_path, clock, store):
    for number in range(3):
        assert HostStore(tmp_path, clock=clock).ask("a", str(number), LIMIT) == 0
    assert store.ask("a", "x", LIMIT) == 60
    assert store.ask("b", "x", LIMIT) == 0
    for number in range(3):
        store.end("a", str(number), LIMIT)
    clock.now += 60
    assert store.ask("a", "x", LIMIT) == 0


def test_only_its_owner_can_read_the_files(tmp_path, store):
    store.ask("a", "x", LIMIT)
    store.put("k", b"value", 10)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_requests_from_before_the_hosts_start_may_still_count(tmp_path, clock, store, monkeypatch):
    store.ask("a", "x", LIMIT)
    monkeypatch.setattr(host_store, "boot_id", lambda: "another")
    clock.now = 20
    restarted = HostStore(tmp_path, clock=clock)
    assert restarted.ask("a", "y", LIMIT) == 40
    clock.now = 60
    assert restarted.ask("a", "y", LIMIT) == 0
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {f"shared-state-{host_store.VERSION}-another"}


def test_a_value_expires(clock, store):
    store.put("k", b"value", 10)
    assert store.get("k") == b"value"
    clock.now += 10
    assert store.get("k") is None
    assert store.get("other") is None


def test_only_the_owner_of_a_value_can_remove_it(clock, store):
    assert store.add("k", b"mine", 10)
    assert not store.add("k", b"yours", 10)
    clock.now += 5
    assert store.add("k", b"mine", 10)
    clock.now += 5
    assert not store.add("k", b"yours", 10)
    store.remove("k", b"yours")
    assert store.get("k") == b"mine"
    store.remove("k", b"mine")
    assert store.add("k", b"yours", 10)
    clock.now += 10
    assert store.add("k", b"mine", 10)


def test_added_values_expire_with_the_process(tmp_path):
    with other_process("print(store.add('k', b'theirs', 1000))", tmp_path) as process:
        assert process.stdout.read() == "True\n"
    assert host_store_of(tmp_path).add("k", b"mine", 10)


def test_a_dead_process_loses_its_place_at_once(tmp_path):
    limit = RateLimit(1, 3600)
    store = host_store_of(tmp_path)
    assert store.ask("a", "x", limit) == 0
    with other_process("print(store.ask('a', 'y', RateLimit(1, 3600)) > 0)", tmp_path) as process:
        assert process.stdout.read() == "True\n"
    store.end("a", "x", limit)
    assert store.ask("a", "z", limit) > 0
    assert host_store_of(tmp_path, later=3601).ask("a", "z", limit) == 0


@pytest.mark.parametrize("seed", range(3))
def test_every_operation_returns_the_same_as_the_ledger(clock, store, seed):
    rng = random.Random(seed)
    model = ModelStore(clock, sees_processes=False)
    limit = RateLimit(rng.choice([1, 3]), 60)
    for step in range(500):
        clock.now += rng.choice([0, 0.5, 3, 20])
        request = str(rng.randrange(limit.requests * 6))
        if rng.random() < 0.3:
            for each in (store, model):
                each.end("a", request, limit, full_for=step % 40)
        else:
            asked = [each.ask("a", request, limit, hold=step % 3 * 50) for each in (store, model)]
            assert asked[0] == pytest.approx(asked[1]), f"step {step}"


def test_the_order_of_long_queues_is_kept(clock, store):
    limit = RateLimit(1, 60)
    assert store.ask("a", "0", limit) == 0
    for number in range(1, 30):
        store.ask("a", str(number), limit, hold=3600)
    assert store.ask("a", "29", limit, hold=3600) == store.ask("a", "20", limit, hold=3600) == 660
    for number in range(1, 30):
        store.end("a", str(number - 1), limit)
        clock.now += 60
        for later in range(number + 1, min(number + 3, 30)):
            assert store.ask("a", str(later), limit, hold=3600) > 0
        assert store.ask("a", str(number), limit) == 0


@pytest.mark.parametrize("seed", range(50))
def test_no_window_ever_holds_more_requests_than_the_limit(seed, clock, store):
    Simulation(store, clock, seed, RateLimit(1 + seed % 5, 60), tasks=1 + seed % 12).run().check_limit()


def sent_requests(store):
    with closing(sqlite3.connect(store._path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [request for (request,) in database.execute("SELECT request FROM request WHERE state = 'sent'")]


def test_the_ledger_survives_killed_processes(tmp_path):
    code = """
limit = RateLimit(10000, 3600)
for number in range(1000000):
    request = f"{os.getpid()}-{number}"
    assert store.ask("a", request, limit) == 0
    store.end("a", request, limit)
    print(request, flush=True)
"""
    printed = []
    for milliseconds in range(8):
        with other_process(code, tmp_path) as process:
            printed.append(process.stdout.readline().strip())
            time.sleep(milliseconds / 1000)
            process.kill()
            printed += process.stdout.read().split()
    # At most one request of each was neither printed nor lost.
    sent = sent_requests(host_store_of(tmp_path))
    assert set(printed) <= set(sent)
    assert len(sent) <= len(printed) + 8


def overwrite(path):
    path.write_bytes(b"garbage" * 1000)


def replace_by_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("break_it", [overwrite, replace_by_a_folder])
def test_errors_of_an_unavailable_store(store, break_it):
    store.ask("a", "x", LIMIT)
    break_it(store._path)
    with pytest.raises(SharedStateError, match=r"^Shared state on this host is unavailable: "):
        store.ask("a", "y", LIMIT)


def test_waiting_for_a_lock_times_out(store, monkeypatch):
    monkeypatch.setattr(host_store, "LOCK_TIMEOUT", 0.01)
    with file_lock(store._path.with_suffix(".lock"), timeout=1):
        for _ in range(2):
            with pytest.raises(SharedStateError, match="another process has held"):
                store.ask("a", "x", LIMIT)
    assert store.ask("a", "x", LIMIT) == 0


def test_incomplete_tables_are_created_again(store, monkeypatch):
    with monkeypatch.context() as patch:
        first, _, others = host_store.TABLES.partition(";")
        patch.setattr(host_store, "TABLES", f"{first}; SELECT * FROM nowhere; {others}")
        with pytest.raises(SharedStateError):
            store.ask("a", "x", LIMIT)
    store.put("k", b"value", 10)
    assert store.get("k") == b"value"
