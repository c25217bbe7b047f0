"""Errors that fail a task: without a retry if they aren't retryable, and repeated in the last line of the log."""

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
    Turn an :class:`IQMFinalError` of the block into an ``AirflowFailException`` as well, so that Airflow doesn't retry.

    The error keeps its class, so ``except IQMAuthenticationError`` works. Airflow's class is added here and not in
    :mod:`airflow_provider_iqm.exceptions`, because audience files can be checked without Airflow.

    The error that fails the task is repeated in the last line of its log.
    """
    _log_error_last()
    try:
        yield
    except IQMFinalError as error:
        if isinstance(error, AirflowFailException):
            raise
        failing = _create_failing_error(type(error), error.args)
        failing.__dict__.update(error.__dict__)
        raise failing.with_traceback(error.__traceback__) from error.__cause__


def _log_error_last() -> None:
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


class _PickledByErrorClass:
    """Pickles an error whose class is from :func:`_failing_class`; by name, pickle would find ``error_class``."""

    error_class: type[IQMFinalError]

    def __reduce__(self) -> tuple[Any, ...]:
        return _create_failing_error, (self.error_class, self.args), self.__dict__  # type: ignore[attr-defined]


@functools.cache
def _failing_class(error_class: type[IQMFinalError]) -> type[IQMFinalError]:
    """Return a subclass of both ``error_class`` and ``AirflowFailException`` that is named like ``error_class``."""
    bases = (_PickledByErrorClass, error_class, AirflowFailException)
    names = {name: getattr(error_class, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(error_class.__name__, bases, {**names, "error_class": error_class})


def _create_failing_error(error_class: Any, args: tuple[Any, ...]) -> IQMFinalError:
    failing_class = _failing_class(error_class)
    return failing_class.__new__(failing_class, *args)
