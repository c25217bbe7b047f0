"""When the next request may go: IQM takes so many in a minute, and a pool slot is one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Slot:
    """
    The right to one request in any window.

    :param free_at: The moment from which it may be used (again), in seconds of a clock that never goes back.
    """

    free_at: float


@dataclass(frozen=True)
class Turn:
    """
    A request's turn.

    :param slot: The slot that it uses.
    :param wait: Seconds until the request may be sent.
    """

    slot: Slot
    wait: float


class Pace:
    """
    Has each slot used at most once in any window.

    IQM counts a request at some moment between its sending and its answer, and no one can say when. So a slot is
    free again a whole window after the *answer*, and two requests of one slot can't fall into one window, however slow
    the network is. That slots change hands safely is shown in the documentation ("Rate limit").

    :param window: The window's length in seconds.
    :param even: Whether requests keep a distance of a window divided by the number of slots, rather than going out
        together where several slots are free.
    :param label: The rule, as the log tells it to those who wait.
    """

    def __init__(self, *, window: float, even: bool, label: str) -> None:
        self.window = window
        self.label = label
        self._even = even
        self._slots: list[Slot] = []
        self._next_at = float("-inf")
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of slots."""
        return len(self._slots)

    def add(self, slots: int, *, free_at: float) -> None:
        """
        Add slots.

        :param slots: How many.
        :param free_at: The moment from which they may be used.
        """
        with self._lock:
            self._slots += [Slot(free_at) for _ in range(slots)]

    @contextmanager
    def holding(self, slots: int, *, since: float) -> Iterator[None]:
        """
        Add slots for a while; they may be used a window after the moment at which they came into hand.

        :param slots: How many.
        :param since: That moment.
        """
        held = [Slot(since + self.window) for _ in range(slots)]
        with self._lock:
            self._slots += held
        try:
            yield
        finally:
            with self._lock:
                self._slots = [slot for slot in self._slots if not any(slot is own for own in held)]

    def take(self, now: float) -> Turn:
        """
        Give a request its turn.

        :param now: The moment.
        """
        with self._lock:
            slot = min(self._slots, key=lambda slot: slot.free_at)
            start = max(now, slot.free_at, self._next_at)
            slot.free_at = start + self.window
            if self._even:
                self._next_at = start + self.window / len(self._slots)
            return Turn(slot, start - now)

    def answered(self, turn: Turn, now: float) -> None:
        """
        Take note that a request was answered or given up, from when on its slot has to rest for a window.

        :param turn: The request's turn.
        :param now: The moment.
        """
        turn.slot.free_at = max(turn.slot.free_at, now + self.window)
