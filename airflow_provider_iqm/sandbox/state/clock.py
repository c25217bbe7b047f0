"""The sandbox's clock."""

import time


class Clock:
    """A monotonic clock that can be advanced, so that tests don't have to wait."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the time in seconds since an arbitrary point."""
        return time.monotonic() + self._ahead

    def epoch_ms(self) -> int:
        """Return the time in milliseconds since 1970, including advances."""
        return time.time_ns() // 1_000_000 + round(self._ahead * 1000)

    def advance(self, seconds: float) -> None:
        """
        Advance the clock.

        :param seconds: number of seconds; not negative.
        """
        if seconds < 0:
            raise ValueError("The clock can't be set back.")
        self._ahead += seconds
