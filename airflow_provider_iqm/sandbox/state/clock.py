"""The sandbox's clock."""

import time


class Clock:
    """A monotonic clock that can be put forward, so that a test needn't wait for a token to expire."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the time in seconds since some fixed moment."""
        return time.monotonic() + self._ahead

    def epoch_ms(self) -> int:
        """Return the time in milliseconds since 1970, put forward like the rest."""
        return time.time_ns() // 1_000_000 + round(self._ahead * 1000)

    def advance(self, seconds: float) -> None:
        """
        Put the clock forward.

        :param seconds: by how much; time does not run backwards here.
        """
        if seconds < 0:
            raise ValueError("The clock can only be put forward.")
        self._ahead += seconds
