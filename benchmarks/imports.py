"""
Measure the import time of the public modules, in addition to that of ``airflow.providers.http``'s operator.

Each module is imported in a new process, after that operator. Dag files are parsed over and over, so modules that are
only needed when a task runs shouldn't be imported.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

REFERENCE = Path(__file__).parent.parent / "docs" / "reference.md"
GOAL = 150
ALL = "all public modules"

IMPORT = """
import importlib, json, sys, time
import airflow.providers.http.operators.http
wall, cpu = time.perf_counter(), time.process_time()
for module in sys.argv[1:]:
    importlib.import_module(module)
print(json.dumps([1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)]))
"""


def public_modules() -> list[str]:
    """Return the documented modules, except for the sandbox, and the module that Airflow itself imports."""
    newest_only = {"airflow_provider_iqm.retry_policy"} if _airflow() < (3, 3) else set()
    documented = re.findall(r"auto(?:class|module):: (airflow_provider_iqm(?:\.[a-z_0-9]+)+)", REFERENCE.read_text())
    modules = dict.fromkeys(["airflow_provider_iqm.get_provider_info", *documented])
    return [module for module in modules if module not in newest_only and ".sandbox." not in module]


def _airflow() -> tuple[int, ...]:
    return tuple(int(part) for part in version("apache-airflow").split(".")[:2])


def main(rounds: int = 3) -> None:
    modules = public_modules()
    imported = {ALL: modules} | {module: [module] for module in modules}
    _import(modules)  # Lets Python compile modules that haven't been imported yet.
    measured = {name: [] for name in imported}
    for _ in range(rounds):
        for name, added in imported.items():
            measured[name].append(_import(added))
    for name, times in measured.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{wall:>5.0f} ms ({cpu:.0f} ms CPU)  {name}{f' (goal: {GOAL} ms at most)' * (name == ALL)}")


def _import(modules: list[str]) -> list[float]:
    done = subprocess.run([sys.executable, "-c", IMPORT, *modules], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
