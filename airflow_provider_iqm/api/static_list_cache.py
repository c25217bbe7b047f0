"""What IQM said and will say again for a day: the static lists, each of which costs one of twenty requests a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

LIFE = 24 * 60 * 60.0
"""Seconds for which an answer is remembered."""


class Remembered(Protocol):
    """Answers by the request that they were given to."""

    def turn(self) -> AbstractContextManager[None]:
        """Keep others from asking at the same time."""

    def read(self, key: str) -> Any:
        """Return the answer to a request; ``None`` where none is remembered, or it is too old."""

    def write(self, key: str, answer: Any) -> None:
        """Remember an answer."""

    def forget(self) -> None:
        """Forget all answers."""


class Memory:
    """
    Answers that this process remembers.

    :param clock: The seconds of a clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[str, tuple[float, Any]] = {}

    def turn(self) -> AbstractContextManager[None]:
        """Go on: nobody else is here."""
        return nullcontext()

    def read(self, key: str) -> Any:
        """Return the answer to a request; ``None`` where none is remembered, or it is too old."""
        said_at, answer = self._answers.get(key, (float("-inf"), None))
        return answer if self._clock() - said_at < LIFE else None

    def write(self, key: str, answer: Any) -> None:
        """Remember an answer."""
        self._answers[key] = self._clock(), answer

    def forget(self) -> None:
        """Forget all answers."""
        self._answers.clear()
