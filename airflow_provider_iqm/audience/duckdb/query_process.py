"""
A DuckDB query in a process of its own.

DuckDB takes a few hundred megabytes to read a large file. In a process of its own they go back to the system when the
query is done, so that the task that uploads the file needs next to none; and where memory is short, the query dies
rather than the task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from typing import Any

from airflow_provider_iqm.audience.duckdb.csv_queries import connect


def first_row(query: str, *, memory_limit: str) -> list[Any] | None:
    """
    Return the first row of a query's result; ``None`` where there is none, or DuckDB failed.

    DuckDB's errors are not handed on: they quote the file.

    :param query: The SQL.
    :param memory_limit: How much memory DuckDB may use, such as ``256MiB``.
    """
    done = subprocess.run(  # noqa: S603 - the interpreter and this module
        [sys.executable, "-m", __name__],
        input=json.dumps({"query": query, "memory_limit": memory_limit}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        # A Dag file, or whoever runs it, may have added to the path.
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    row: list[Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return row


def _main() -> None:
    task = json.load(sys.stdin)
    with closing(connect(memory_limit=task["memory_limit"])) as connection:
        json.dump(connection.execute(task["query"]).fetchone(), sys.stdout)


if __name__ == "__main__":
    _main()
