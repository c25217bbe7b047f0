"""A progress bar for reading a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_iqm.files.reading_progress import reading_progress
from airflow_provider_iqm.wording import display_name

SAMPLED_BYTES = 4_000_000
"""Only the file's beginning may be read in blocks: DuckDB, whose progress can't be observed, reads the rest."""


@contextmanager
def progress_bar(path: Path) -> Iterator[None]:
    """
    Show the progress of reading a file while the ``with`` block runs; nothing if stderr is not a terminal.

    Shows a bar of the bytes read if the file is read in blocks, and the elapsed time otherwise.

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
            measured = SAMPLED_BYTES < position < size
            progress.update(reading, completed=position, visible=measured)
            progress.update(checking, visible=not measured)

        with reading_progress(show):
            yield
