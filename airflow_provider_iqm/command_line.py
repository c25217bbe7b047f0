"""How a command ends whose output can't be written, or that is interrupted: one line, and no traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""


@contextmanager
def plain_exit() -> Iterator[None]:
    """
    End the process in plain words where the block can't write its output, or is interrupted.

    :raises SystemExit: The reader of the output is gone (status 1, without a word), its disk is full, or Ctrl-C.
    """
    # Python has none for a descriptor that is closed.
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
        # Such as head, which has read enough.
        status = 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write("The output can't be written: no space is left.\n")
        status = 1
    else:
        return
    # Python flushes once more at its end.
    sys.stdout = _nowhere()
    sys.exit(status)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w")
