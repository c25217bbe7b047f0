from __future__ import annotations

import subprocess
import sys

from airflow_provider_iqm.shared_state import process
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.ledger import RateLimit
from tests.unit.shared_state.simulation import Clock

OTHER = "from airflow_provider_iqm.shared_state.process import this_process; print(this_process())"


def ended_process():
    """Return the identity of a process that has ended."""
    return subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, check=True).stdout.strip()


def test_this_process_is_running_and_one_that_has_ended_is_not():
    assert process.is_running(process.this_process())
    assert not process.is_running(ended_process())


def test_a_process_with_a_reused_id_is_not_running():
    pid, start, namespace = process.this_process().split(":")
    assert not process.is_running(f"{pid}:{int(start) - 1}:{namespace}")


def test_a_process_of_another_container_counts_as_running(monkeypatch):
    other = ended_process()
    monkeypatch.setattr(process, "_namespace", lambda: "another")
    assert process.is_running(other)
    assert process.is_running(process.this_process())


def test_entries_of_other_containers_stay_until_they_expire(tmp_path, monkeypatch):
    clock, limit = Clock(), RateLimit(1, 60)
    store = HostStore(tmp_path, clock=clock)
    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_iqm.shared_state.host_store.this_process", lambda: "999999:1:another")
        assert store.ask("a", "theirs", limit) == 0
        assert store.add("k", b"theirs", 100)
    clock.now += 100
    assert store.ask("a", "mine", limit) > 0
    assert store.add("k", b"mine", 100)
    clock.now += store.lease + limit.window - 100
    assert store.ask("a", "mine", limit) == 0
