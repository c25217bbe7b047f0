"""How far the reading of a file is, for whoever looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Watcher = Callable[[int], None]
"""Is called with the bytes of a file that have been read so far, as they lie on the disk."""

_watcher: ContextVar[Watcher | None] = ContextVar("iqm_reading_watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """
    Have a watcher told of every block that is read in the ``with`` block, in this thread.

    The reading of a file stands many calls below what asks for it; none of them has anything to say to this.

    :param watcher: Is told.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell_read(position: int) -> None:
    """
    Tell the watcher, if there is one.

    :param position: The bytes read so far.
    """
    watcher = _watcher.get()
    if watcher:
        watcher(position)
