"""Measure implementations of the same work side by side: alternating, each run in a new process."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from types import ModuleType

Work = Callable[[], int]
"""Does the work, and returns the amount of work done."""

OURS = "ours"


@dataclass(frozen=True)
class AtMost:
    """Our time must be at most this many times another way's."""

    other: str
    limit: float

    def judge(self, ours_to_theirs: float) -> tuple[str, str, bool]:
        return f"{ours_to_theirs:.2f} of its time", f"at most {self.limit:g}", ours_to_theirs <= self.limit


@dataclass(frozen=True)
class AtLeast:
    """We must be at least this many times as fast as another way."""

    other: str
    limit: float

    def judge(self, ours_to_theirs: float) -> tuple[str, str, bool]:
        speed = 1 / ours_to_theirs
        return f"{speed:.2f} times as fast", f"at least {self.limit:g}", speed >= self.limit


def compare(benchmark: ModuleType, arguments: Sequence[str], *, rounds: int) -> list[tuple[str, ...]]:
    """
    Run a benchmark's implementations in turns.

    :param benchmark: The module with ``WAYS`` (the implementations, ours first), ``GOALS``, and ``MEMORY``, the maximum
        memory of our implementation over idle, in megabytes.
    :param arguments: Arguments of each implementation.
    :param rounds: Number of runs of each implementation.
    :return: The rows of the table.
    """
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in benchmark.WAYS}
    for _ in range(rounds):
        for way, measured in runs.items():
            # Pending writes of one implementation must not slow down the next one.
            os.sync()
            command = [sys.executable, str(benchmark.__file__), way, *arguments]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            measured.append(json.loads(done.stdout.splitlines()[-1]))
    work = {way: {run["done"] for run in measured} for way, measured in runs.items()}
    assert len(set.union(*work.values())) == 1, f"the implementations did different work: {work}"
    seconds = {way: [run["seconds"] for run in measured] for way, measured in runs.items()}
    rows = [_row(benchmark.TITLE, goal, seconds[OURS], seconds[goal.other]) for goal in benchmark.GOALS]
    megabytes = max(run["bytes"] for run in runs[OURS]) / 1e6
    limit = benchmark.MEMORY
    memory = f"{benchmark.TITLE}: memory over idle"
    return [*rows, (memory, f"{megabytes:.0f} MB", "", "", f"at most {limit} MB", _met[megabytes <= limit])]


_met = {True: "yes", False: "no"}


def _row(title: str, goal: AtMost | AtLeast, ours: list[float], theirs: list[float]) -> tuple[str, ...]:
    # Compares runs of the same round, since the machine's speed may drift between rounds.
    ratio, limit, met = goal.judge(statistics.median(map(truediv, ours, theirs)))
    other = f"{goal.other}: {statistics.median(theirs):.2f} s"
    return (title, f"{statistics.median(ours):.2f} s", other, ratio, limit, _met[met])


def run_way(ways: Mapping[str, Callable[..., Work]]) -> None:
    """Run one implementation in this process for :func:`compare`: set up, measure, print the measurements."""
    way, *arguments = sys.argv[1:]
    work = ways[way](*arguments)
    Path("/proc/self/clear_refs").write_text("5")
    idle = _memory("VmRSS")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Counts subprocesses started by the work in full, but not those that Airflow starts when it is imported.
    children = after.ru_maxrss * 1024 if after.ru_minflt > before.ru_minflt else 0
    print(json.dumps({"seconds": seconds, "bytes": _memory("VmHWM") - idle + children, "done": done}))


def _memory(name: str) -> int:
    return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
