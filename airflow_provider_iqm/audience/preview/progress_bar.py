"""A bar that shows how far the reading of a file is, for people at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_iqm.files.reading_progress import watching
from airflow_provider_iqm.wording import display_name

LOOK_AHEAD_BYTES = 4_000_000
"""Up to here, the beginning may be all that is read block by block: DuckDB, which can't be watched, reads the rest."""


@contextmanager
def reading_bar(path: Path) -> Iterator[None]:
    """
    Show how far the reading of a file is, and take it away at the end; nothing where stderr is no terminal.

    Where the file is read block by block, it is a bar of the bytes read; otherwise only the time that has passed.

    :param path: The file.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    name = display_name(path.name)
    size = path.stat().st_size if path.is_file() else 0
    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), text, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        checking = progress.add_task(f"Checking {name} ({size / 1e6:,.1f} MB)", total=None)
        reading = progress.add_task(f"Reading {name} ({size / 1e6:,.1f} MB)", total=size, visible=False)

        def show(position: int) -> None:
            measured = LOOK_AHEAD_BYTES < position < size
            progress.update(reading, completed=position, visible=measured)
            progress.update(checking, visible=not measured)

        with watching(show):
            yield
