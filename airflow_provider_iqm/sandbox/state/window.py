"""The sliding window that the rate limit is counted in."""

from collections import deque

from airflow_provider_iqm.sandbox.state.clock import Clock


class SlidingWindow:
    """
    Counts requests in a sliding window.

    :param clock: the sandbox's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requests: deque[float] = deque()

    def admit(self, limit: int, seconds: float) -> float | None:
        """
        Count one request, and return None; or refuse it, and return after how many seconds one would be let in.

        A refused request counts as well: a client that doesn't wait stays refused.

        :param limit: requests allowed in any window.
        :param seconds: length of the window.
        """
        now = self._clock.now()
        while self._requests and self._requests[0] <= now - seconds:
            self._requests.popleft()
        allowed = len(self._requests) < limit
        self._requests.append(now)
        # All but limit - 1 of them must leave the window before the next one is let in.
        return None if allowed else self._requests[-limit] + seconds - now

    def clear(self) -> None:
        """Forget all requests."""
        self._requests.clear()
