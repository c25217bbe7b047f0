from __future__ import annotations

import os
import stat
import time

import pytest

from airflow_provider_iqm.shared_state.host_task_state import LIFETIME, SUFFIX, HostTaskState
from airflow_provider_iqm.shared_state.private_folder import private_folder


@pytest.fixture
def files():
    """The files on this host."""

    def files():
        return sorted(private_folder().glob(f"*{SUFFIX}"))

    for path in files():
        path.unlink()
    return files


def test_only_the_task_itself_finds_its_state(files):
    HostTaskState("dag", "task", "run", -1).set("key", {"sent": True})
    HostTaskState("dag", "task", "run", -1).set("other", 1)
    assert HostTaskState("dag", "task", "run", -1).get("key") == {"sent": True}
    assert HostTaskState("dag", "task", "run", 0).get("key") is None
    (path,) = files()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "dag" not in path.name


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff"])
def test_unreadable_state_is_ignored(files, content):
    state = HostTaskState("dag", "task", "run", -1)
    state.set("key", 1)
    (path,) = files()
    path.write_bytes(content)
    assert state.get("key") is None
    state.set("key", 2)
    assert state.get("key") == 2


def test_only_old_files_of_its_own_are_deleted(files):
    state = HostTaskState("dag", "old", "run", -1)
    state.set("key", 1)
    (old,) = files()
    foreign = private_folder() / "somebody-else"
    foreign.write_text("x")
    long_ago = time.time() - LIFETIME - 60
    for path in (old, foreign):
        os.utime(path, (long_ago, long_ago))
    HostTaskState("dag", "new", "run", -1).set("key", 1)
    assert not old.exists()
    assert foreign.exists()
    foreign.unlink()
