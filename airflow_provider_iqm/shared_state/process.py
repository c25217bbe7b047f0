"""Identifies processes, and provides a clock that all processes of a host share."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

HAS_PROC = Path("/proc/self/stat").exists()

DEAD = ("Z", "X")
"""The states of a process that has ended, in ``/proc/PID/stat``."""

# This clock includes the time while the host is suspended. On macOS, the monotonic clock does.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def host_clock() -> float:
    """Return the seconds since the host was started, regardless of changes to its wall clock."""
    return time.clock_gettime(_CLOCK)


@cache
def boot_id() -> str:
    """Return an identifier of this start of the host."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(round(psutil.boot_time() / 60))


def this_process() -> str:
    """Return the identity of this process: its id, its start time, because ids are reused, and its PID namespace."""
    return f"{os.getpid()}:{_start(os.getpid())}:{_namespace()}"


def is_running(process: str) -> bool:
    """
    Return whether a process of this host is running.

    Processes in other containers, which may share the folder, aren't visible and count as running: their entries in a
    store expire anyway.

    :param process: The process's own result of :func:`this_process`.
    """
    pid, start, namespace = process.split(":")
    return namespace != _namespace() or _start(int(pid)) == start


def _namespace() -> str:
    """Return an identifier of this process's PID namespace; empty if the system has none."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _start(pid: int) -> str | None:
    """Return the start time of a process, in ticks since the start of the host; None if it has ended."""
    if not HAS_PROC:
        return _start_by_psutil(pid)
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            # psutil would compute the time from the wall clock, which may change.
            stat = os.read(file, 4096)
        finally:
            os.close(file)
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses can contain any characters.
    state, *fields = stat.rpartition(b")")[2].decode().split()
    return None if state in DEAD else fields[18]


def _start_by_psutil(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.NoSuchProcess:
        return None
