"""A command as a person at a terminal runs it."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence


def run_at_terminal(command: Sequence[str]) -> tuple[int, str]:
    """Run a command whose standard streams are a terminal; return its exit status and all that it showed."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = bytearray()
        while block := _read(ours):
            shown += block
        os.close(ours)
    return process.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        # So Linux says that nobody has the terminal open any more.
        return b""
