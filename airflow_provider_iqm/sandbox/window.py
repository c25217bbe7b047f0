"""The sliding window that the rate limit is counted in."""

from collections import deque

from airflow_provider_iqm.sandbox.clock import Clock


class SlidingWindow:
    """
    Counts requests in a sliding window.

    :param clock: the sandbox's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._admitted: deque[float] = deque()

    def admit(self, limit: int, seconds: float) -> float | None:
        """
        Count one request, and return None; or refuse it, and return after how many seconds one would be let in.

        A refused request does not count.

        :param limit: requests allowed in any window.
        :param seconds: length of the window.
        """
        now = self._clock.now()
        while self._admitted and self._admitted[0] <= now - seconds:
            self._admitted.popleft()
        if len(self._admitted) < limit:
            self._admitted.append(now)
            return None
        # There can be more than the limit after it was lowered: all but limit - 1 of them must leave the window.
        return self._admitted[-limit] + seconds - now

    def clear(self) -> None:
        """Forget all requests."""
        self._admitted.clear()
