"""
Run the benchmarks and print a table: ``run.py``, or ``run.py --records 500000 validate clean``.

Each benchmark compares implementations of the same work, alternating between processes, so that the ratios are
reproducible even if the times aren't. ``worst_cases``, ``imports`` and ``budget`` measure one thing against a
goal, and print it below.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import tempfile
from pathlib import Path

import budget
import budget_stores
import imports
import worst_cases
from side_by_side import compare

COMPARED = ["validate", "clean", "xlsx", "upload", "sql"]
NAMES = [*COMPARED, "worst_cases", "imports", "budget"]
FULL_SIZE = 5_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(NAMES)} (all)")
    parser.add_argument(
        "--records", type=int, default=FULL_SIZE, help="records of the list; scales the other files (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each implementation (%(default)s)")
    arguments = parser.parse_args()
    names = arguments.names or NAMES
    if unknown := set(names) - {*NAMES}:
        parser.error(f"unknown benchmark: {', '.join(unknown)}")
    scale = arguments.records / FULL_SIZE
    with tempfile.TemporaryDirectory() as folder:
        compared = [name for name in COMPARED if name in names]
        if compared:
            print(f"{arguments.records:,} records, {scale:.0%} of full size; {arguments.rounds} rounds; {machine()}\n")
            print_row("work", "ours", "compared with", "ratio", "goal", "met")
            print_row(*["---"] * 6)
        for name in compared:
            benchmark = importlib.import_module(name)
            for row in compare(benchmark, benchmark.prepare(Path(folder), scale), rounds=arguments.rounds):
                print_row(*row)
        if "worst_cases" in names:
            print("\nLists that are slow to validate:\n")
            worst_cases.main(Path(folder), scale=scale, rounds=arguments.rounds)
    if "imports" in names:
        print("\nImport time, in addition to airflow.providers.http's operator:")
        imports.main(arguments.rounds)
    if "budget" in names:
        print("\nRequests of a nightly sync:")
        budget.main()
        print("\nstores of the request ledger:\n")
        budget_stores.main()


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def machine() -> str:
    import duckdb

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = f"{os.cpu_count()} cores, {memory:.0f} GiB"
    return f"{cores}, {platform.system()}, Python {platform.python_version()}, DuckDB {duckdb.__version__}"


if __name__ == "__main__":
    main()
