"""The host's store with many processes at once."""

from __future__ import annotations

import subprocess
import sys

THOUSAND = """
import os, sys
from pathlib import Path
from airflow_provider_iqm.shared_state import host_store
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.process import host_clock
# On a busy machine, a thousand processes take their time.
host_store.LOCK_TIMEOUT = 600
# As on a host that has been running for a long time.
store = host_store.HostStore(Path(sys.argv[1]), clock=lambda: host_clock() + 10**6)
count, barrier = 1000, os.pipe()
children = []
for number in range(count):
    pid = os.fork()
    if not pid:
        os.close(barrier[1])
        os.read(barrier[0], 1)
        allowed = store.ask("a", str(number), RateLimit(20, 3600)) == 0
        if allowed:
            store.end("a", str(number), RateLimit(20, 3600))
        os._exit(10 + allowed)
    children.append(pid)
os.close(barrier[1])
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(codes.count(11), codes.count(10))
"""


def test_a_thousand_processes_at_once_lose_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", THOUSAND, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["20", "980"]
