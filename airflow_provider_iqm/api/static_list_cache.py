"""A cache of static lists, because requests are limited to 20 a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

LIFETIME = 24 * 60 * 60.0
"""Seconds for which a list is cached."""


class StaticListCache(Protocol):
    """A cache of static lists, by request."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes from requesting lists at the same time."""

    def read(self, key: str) -> Any:
        """Return a list; None if it isn't cached or has expired."""

    def write(self, key: str, rows: Any) -> None:
        """Cache a list."""

    def clear(self) -> None:
        """Remove all lists."""


class LocalStaticListCache:
    """
    A cache of static lists in this process.

    :param clock: A clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lists: dict[str, tuple[float, Any]] = {}

    def lock(self) -> AbstractContextManager[None]:
        """Do nothing: no other process uses this cache."""
        return nullcontext()

    def read(self, key: str) -> Any:
        """Return a list; None if it isn't cached or has expired."""
        cached_at, rows = self._lists.get(key, (float("-inf"), None))
        return rows if self._clock() - cached_at < LIFETIME else None

    def write(self, key: str, rows: Any) -> None:
        """Cache a list."""
        self._lists[key] = self._clock(), rows

    def clear(self) -> None:
        """Remove all lists."""
        self._lists.clear()
