"""Keeps Airflow from retrying what retrying can't mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import IQMFinalError


@contextmanager
def final_errors_fail_the_task() -> Iterator[None]:
    """
    Raise an :class:`IQMFinalError` from the block as Airflow's ``AirflowFailException`` too.

    Airflow retries no task that ends in that exception. The error keeps its own type, so that ``except
    IQMAuthenticationError`` works as written; only Airflow's type is added, here and not in the tree itself, since
    audience files can be checked without Airflow.
    """
    try:
        yield
    except IQMFinalError as error:
        if isinstance(error, AirflowFailException):
            raise
        failure = _failing(type(error)).__new__(_failing(type(error)), *error.args)
        failure.args = error.args
        failure.__dict__.update(error.__dict__)
        raise failure.with_traceback(error.__traceback__) from error.__cause__


@cache
def _failing(error: type[IQMFinalError]) -> type[IQMFinalError]:
    attributes = {"__module__": error.__module__, "__doc__": error.__doc__, "__qualname__": error.__qualname__}
    return type(error.__name__, (error, AirflowFailException), attributes)
