"""The sliding window of the rate limit."""

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
        Count a request. Returns None if it is allowed, otherwise the seconds until one would be.

        Rejected requests are counted as well, so a client that doesn't wait stays rejected.

        :param limit: number of requests allowed in any window.
        :param seconds: length of the window.
        """
        now = self._clock.now()
        while self._requests and self._requests[0] <= now - seconds:
            self._requests.popleft()
        allowed = len(self._requests) < limit
        self._requests.append(now)
        # All but limit - 1 of them must leave the window before the next request is allowed.
        return None if allowed else self._requests[-limit] + seconds - now

    def clear(self) -> None:
        """Remove all requests."""
        self._requests.clear()
