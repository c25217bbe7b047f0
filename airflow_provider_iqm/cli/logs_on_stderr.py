"""Redirects Airflow's logs to stderr while a command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def logs_on_stderr() -> Iterator[None]:
    """
    Redirect stdout to stderr in the ``with`` block.

    Airflow's loggers write to stdout, which would corrupt JSON output: on 2.11 to the current ``sys.stdout``, on 3.x to
    the stream that they were configured with. So the file descriptor is redirected too.
    """
    stdout = sys.stdout
    stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
