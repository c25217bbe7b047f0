"""Keeps Airflow's logs out of what a command prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def logs_on_stderr() -> Iterator[None]:
    """
    Have all that is written to the standard output in the ``with`` block go to the standard error.

    Airflow's loggers write to the standard output, where they would spoil JSON for the program that reads it: on 2.11
    to ``sys.stdout`` as it is at the moment, on 3.x to the one that they were set up with.
    """
    before = sys.stdout
    before.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        before.flush()
        os.dup2(kept, 1)
        os.close(kept)
