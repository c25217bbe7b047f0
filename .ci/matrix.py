"""
Run the tests on all supported versions of Airflow and Python, and print a table of the results.

``matrix.py`` runs all cells, ``matrix.py 3.1/3.12 3.3/3.13`` some, and ``matrix.py ends`` the oldest and the newest.
Interpreters are searched as ``python3.12`` on the path and in pyenv; ``PYTHONS="/opt/py312/bin/python …"`` sets others.
The tests that start a whole Airflow take minutes, and run in the oldest and the newest cell only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
AIRFLOWS = ("2.11", "3.1", "3.3")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
IMPOSSIBLE = {
    ("2.11", "3.13"): "Airflow 2.11 runs on Python before 3.13",
    ("2.11", "3.14"): "Airflow 2.11 runs on Python before 3.13",
    ("3.1", "3.14"): "Airflow 3.1 runs on Python before 3.14",
}


@dataclass(frozen=True)
class Cell:
    airflow: str
    python: str
    interpreter: str
    cluster: bool = False
    """Whether to run the tests that start a whole Airflow as well."""

    def __str__(self) -> str:
        return f"{self.airflow}/{self.python}"

    @property
    def settings(self) -> list[str]:
        """Make variables that run a target in this cell."""
        return [f"AIRFLOW={self.airflow}", f"PYTHON={self.interpreter}"]


@dataclass(frozen=True)
class Result:
    cell: Cell
    status: int
    seconds: float
    counts: Counter[str]
    unpinned: list[str]

    def row(self) -> list[str]:
        counts = [str(self.counts[name]) for name in ("passed", "failed", "skipped")]
        return [self.cell.airflow, self.cell.python, *counts, f"{self.seconds:.0f}", "no" if self.status else "yes"]


def main() -> int:
    cells = choose(possible_cells(interpreters()), sys.argv[1:])
    results = []
    # Creates the next cell's environment while tests run.
    with ThreadPoolExecutor(max_workers=1) as pool:
        environments = [pool.submit(set_up, cell) for cell in cells]
        for cell, environment in zip(cells, environments, strict=True):
            print(f"\n=== Airflow {cell.airflow}, Python {cell.python} ===", flush=True)
            if printed := environment.result():
                print(printed, flush=True)
            results.append(run(cell))
    print("\n| Airflow | Python | passed | failed | skipped | seconds | passed |\n" + "| --- " * 7 + "|")
    for result in results:
        print(f"| {' | '.join(result.row())} |")
    for result in results:
        if result.unpinned:
            constraints = f"constraints/airflow-{result.cell.airflow}.txt"
            print(f"{result.cell}: not pinned in {constraints}: {', '.join(result.unpinned)}")
    return int(not results or any(result.status or result.unpinned for result in results))


def interpreters() -> dict[str, str]:
    """Return the installed interpreters by Python version."""
    candidates = os.environ.get("PYTHONS", "").split() or [*(f"python{version}" for version in PYTHONS), *from_pyenv()]
    found: dict[str, str] = {}
    for candidate in candidates:
        try:
            version = output(candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        except (OSError, subprocess.CalledProcessError):
            # Not installed, or pyenv's shim for an inactive version.
            continue
        found.setdefault(version, candidate)
    return found


def from_pyenv() -> list[str]:
    if not shutil.which("pyenv"):
        return []
    return sorted(map(str, Path(output("pyenv", "root")).glob("versions/3.*/bin/python")), reverse=True)


def possible_cells(found: dict[str, str]) -> list[Cell]:
    """Return the cells that can run, oldest first, and print why others are skipped."""
    cells = []
    for airflow in AIRFLOWS:
        for python in PYTHONS:
            if reason := IMPOSSIBLE.get((airflow, python)) or (python not in found and f"Python {python} not found"):
                print(f"skipping {airflow}/{python}: {reason}")
            else:
                cells.append(Cell(airflow, python, found[python]))
    if cells:
        for end in (0, -1):
            cells[end] = replace(cells[end], cluster=True)
    return cells


def choose(cells: list[Cell], names: list[str]) -> list[Cell]:
    if names == ["ends"]:
        return [cell for cell in cells if cell.cluster]
    if unknown := set(names) - set(map(str, cells)):
        sys.exit(f"unknown cell: {', '.join(sorted(unknown))}; available: {', '.join(map(str, cells))}")
    return [cell for cell in cells if not names or str(cell) in names]


def set_up(cell: Cell) -> str:
    """Create a cell's environment, and return the output. If it fails, the cell's tests report the reason."""
    command = ["make", "--no-print-directory", "environment", *cell.settings]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


def run(cell: Cell) -> Result:
    """Run the tests in a cell."""
    started = time.monotonic()
    status, counts = 0, Counter()
    with tempfile.TemporaryDirectory() as folder:
        for target in ("test", "test-cluster") if cell.cluster else ("test",):
            report = Path(folder) / f"{target}.xml"
            command = ["make", "--no-print-directory", target, *cell.settings, f"ARGS=--junitxml={report}"]
            status |= subprocess.run(command, cwd=ROOT).returncode
            counts += read_counts(report) if report.exists() else Counter()
    return Result(cell, status, time.monotonic() - started, counts, unpinned(cell))


def read_counts(report: Path) -> Counter[str]:
    suite = ElementTree.parse(report).getroot().find("testsuite")
    failed, skipped = int(suite.get("failures")) + int(suite.get("errors")), int(suite.get("skipped"))
    return Counter(passed=int(suite.get("tests")) - failed - skipped, failed=failed, skipped=skipped)


def unpinned(cell: Cell) -> list[str]:
    """Return installed packages that the constraints don't pin, so that the next run may get other versions."""
    python = ROOT / ".venv" / f"airflow-{cell.airflow}-py{cell.python}" / "bin" / "python"
    if not python.exists():
        return []
    installed = output(str(python), "-m", "pip", "freeze", "--exclude-editable").splitlines()
    pinned = set(map(normalized, (ROOT / "constraints" / f"airflow-{cell.airflow}.txt").read_text().splitlines()))
    return [line for line in installed if normalized(line) not in pinned]


def normalized(pin: str) -> str:
    return re.sub(r"[-_.]+", "-", pin).lower()


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
