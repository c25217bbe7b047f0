"""What the package asks of a log: Airflow 3 gives its tasks a logger that is not the standard library's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Log(Protocol):
    """Something that takes messages with arguments, as ``logging.Logger`` does."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Tell what happens."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Tell what somebody should look at."""


@contextmanager
def log_group(log: Log, title: str) -> Iterator[None]:
    """
    Have Airflow's user interface fold what is logged in the ``with`` block under a title.

    :param log: The log.
    :param title: What stands there in its place.
    """
    log.info("::group::%s", title)
    try:
        yield
    finally:
        log.info("::endgroup::")
