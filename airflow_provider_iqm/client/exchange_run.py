"""Runs an exchange with IQM step by step, independent of the HTTP client."""

from __future__ import annotations

from typing import Any, Generic

from airflow_provider_iqm.api.request import Request, Result
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.exceptions import IQMError


class ExchangeRun(Generic[Result]):
    """
    An exchange that is run step by step.

    .. code-block:: python

        run, outcome = ExchangeRun(exchange), None
        while request := run.step(outcome):
            outcome = send(request)
        return run.result

    :param exchange: The exchange.
    """

    result: Result

    def __init__(self, exchange: Exchange[Result]) -> None:
        self._exchange = exchange

    def step(self, outcome: Any) -> Request | None:
        """
        Continue with the exchange's next request.

        :param outcome: The outcome of the last request: the data of the response, or the error. None at the start.
        :return: The request to send; None if the exchange has ended with a :attr:`result`.
        :raises IQMError: The exchange has failed.
        """
        try:
            if isinstance(outcome, IQMError):
                return self._exchange.throw(outcome)
            return self._exchange.send(outcome)
        except StopIteration as end:
            self.result = end.value
            return None

    def close(self) -> None:
        """Abandon the exchange and release its locks; not during a step."""
        self._exchange.close()
