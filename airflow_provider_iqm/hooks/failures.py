"""Keeps Airflow from retrying what retrying can't mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
        raise _failing(error).with_traceback(error.__traceback__) from error.__cause__


def _failing(error: IQMFinalError) -> IQMFinalError:
    """Return the same error, of a type that is its own and Airflow's."""
    own = type(error)
    names = {"__module__": own.__module__, "__doc__": own.__doc__, "__qualname__": own.__qualname__}
    failing: type[IQMFinalError] = type(own.__name__, (own, AirflowFailException), names)
    failure = failing.__new__(failing, *error.args)
    failure.__dict__.update(error.__dict__)
    return failure
