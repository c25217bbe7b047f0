"""Report the progress of reading a file to a callback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

ProgressCallback = Callable[[int], None]
"""Called with the number of bytes read so far, before decompression."""

_callback: ContextVar[ProgressCallback | None] = ContextVar("iqm_reading_progress", default=None)


@contextmanager
def reading_progress(callback: ProgressCallback) -> Iterator[None]:
    """
    Call a function after every block that this thread reads in the ``with`` block.

    A context variable, because none of the many functions between the caller and the reader needs to know of it.

    :param callback: The function.
    """
    token = _callback.set(callback)
    try:
        yield
    finally:
        _callback.reset(token)


def report_progress(position: int) -> None:
    """
    Call the callback, if one is set.

    :param position: Number of bytes read so far.
    """
    callback = _callback.get()
    if callback:
        callback(position)
