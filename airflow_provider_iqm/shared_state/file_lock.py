"""A lock for the processes and threads of a host."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path, *, timeout: float) -> Iterator[None]:
    """
    Hold a lock, which the system releases if the process dies.

    Waiting processes are woken one by one, so a thousand of them cost no more than a few.

    :param path: The lock's file.
    :param timeout: Seconds to wait for the process that holds the lock, which may be suspended.
    :raises TimeoutError: The lock wasn't released in time.
    :raises OSError: The file can't be opened.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Locks have no timeout. If the thread is abandoned, it ends when the lock is released.
            thread = threading.Thread(target=fcntl.flock, args=(lock, fcntl.LOCK_EX), daemon=True)
            thread.start()
            thread.join(timeout)
            if thread.is_alive():
                raise TimeoutError(f"another process has held {path.name} for {timeout:g} s") from None
        try:
            yield
        finally:
            # Closing isn't enough if another thread has forked meanwhile: the child has the file open, too.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)
