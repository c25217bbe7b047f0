"""Ends commands that are interrupted or can't write their output with one line instead of a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

INTERRUPTED = 130
"""The exit status after Ctrl-C, as in shells."""


@contextmanager
def plain_exit() -> Iterator[None]:
    """
    End the process without a traceback if the block is interrupted or can't write its output.

    :raises SystemExit: The output's reader has exited (status 1, no message), its disk is full, or Ctrl-C was pressed.
    """
    # They are None if their descriptors are closed.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        status = INTERRUPTED
    except BrokenPipeError:
        # Its reader is, for example, head.
        status = 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write("Can't write the output: no space left.\n")
        status = 1
    else:
        return
    # Python flushes it again at exit.
    sys.stdout = _nowhere()
    sys.exit(status)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w")
