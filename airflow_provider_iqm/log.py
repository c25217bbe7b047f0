"""The logger interface of the package: Airflow 3's task loggers aren't ``logging.Logger``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Log(Protocol):
    """A logger that takes messages with ``%``-style arguments, as ``logging.Logger`` does."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Log a message with level INFO."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Log a message with level WARNING."""


@contextmanager
def log_group(log: Log, title: str) -> Iterator[None]:
    """
    Group the messages logged in the ``with`` block; Airflow's UI collapses them under the title.

    :param log: The logger.
    :param title: The title of the group.
    """
    log.info("::group::%s", title)
    try:
        yield
    finally:
        log.info("::endgroup::")
