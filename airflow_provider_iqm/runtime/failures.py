"""What Airflow makes of an error: whether it retries the task, and what the last line of its log says."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, get_current_context

from airflow_provider_iqm.exceptions import IQMFinalError


@contextmanager
def final_errors_fail_the_task() -> Iterator[None]:
    """
    Raise an :class:`IQMFinalError` from the block as Airflow's ``AirflowFailException`` too.

    Airflow retries no task that ends in that exception. The error keeps its own type, so that ``except
    IQMAuthenticationError`` works as written; only Airflow's type is added, here and not in the tree itself, since
    audience files can be checked without Airflow.

    Whatever ends the task is repeated as the last line of its log.
    """
    _repeat_error_in_last_line()
    try:
        yield
    except IQMFinalError as error:
        if isinstance(error, AirflowFailException):
            raise
        raise _failing(error).with_traceback(error.__traceback__) from error.__cause__


def _repeat_error_in_last_line() -> None:
    try:
        get_current_context()
    except (AirflowException, RuntimeError):
        # A script, or a triggerer.
        return
    _add_failure_listener()


@functools.cache
def _add_failure_listener() -> None:
    from airflow_provider_iqm.runtime import failure_listener

    try:
        module = import_module("airflow.sdk.listener")
    except ImportError:  # before Airflow 3.2
        module = import_module("airflow.listeners.listener")
    module.get_listener_manager().add_listener(failure_listener)


def _failing(error: IQMFinalError) -> IQMFinalError:
    """Return the same error, of a type that is its own and Airflow's."""
    failure = _restore_failing(type(error), error.args)
    failure.__dict__.update(error.__dict__)
    return failure


def _restore_failing(own: Any, args: tuple[Any, ...]) -> IQMFinalError:
    failing = _failing_type(own)
    return failing.__new__(failing, *args)


@functools.cache
def _failing_type(own: type[IQMFinalError]) -> type[IQMFinalError]:
    def reduce(self: IQMFinalError) -> tuple[Any, ...]:
        # pickle would look the type up by its name, and find the error's own.
        return _restore_failing, (own, self.args), self.__dict__

    names = {"__module__": own.__module__, "__doc__": own.__doc__, "__qualname__": own.__qualname__}
    return type(own.__name__, (own, AirflowFailException), {**names, "__reduce__": reduce})
