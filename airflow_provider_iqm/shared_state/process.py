"""The identity of processes, and a clock that all processes of a host share."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

HAS_PROC = Path("/proc/self/stat").exists()

DEAD = ("Z", "X")
"""The states of a process that has ended, in ``/proc/PID/stat``."""

# The clock also counts while the host is suspended. macOS has no such name, but its monotonic clock does the same.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def host_clock() -> float:
    """Return the seconds since the host was started; setting the host's time doesn't change them."""
    return time.clock_gettime(_CLOCK)


@cache
def boot_id() -> str:
    """Return what tells this start of the host from earlier ones."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(round(psutil.boot_time() / 60))


def this_process() -> str:
    """Return the identity of this process: its id, its start, because ids are used again, and where its id holds."""
    return f"{os.getpid()}:{_start(os.getpid())}:{_namespace()}"


def is_running(process: str) -> bool:
    """
    Return whether a process of this host is running, as far as it can be seen.

    :param process: What :func:`this_process` returned there. In another container, which shares the folder, it can't be
        seen and counts as running: what it has in a store expires anyway.
    """
    pid, start, namespace = process.split(":")
    return namespace != _namespace() or _start(int(pid)) == start


def _namespace() -> str:
    """Return what tells the ids of this process's namespace from those of others; empty where there are none."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _start(pid: int) -> str | None:
    """Return when a process was started, in ticks since the start of the host; ``None`` if it has ended."""
    if not HAS_PROC:
        return _start_by_psutil(pid)
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            # psutil would compute the time from the wall clock, which may be set meanwhile.
            stat = os.read(file, 4096)
        finally:
            os.close(file)
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything.
    state, *fields = stat.rpartition(b")")[2].decode().split()
    return None if state in DEAD else fields[18]


def _start_by_psutil(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.NoSuchProcess:
        return None
