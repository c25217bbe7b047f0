"""What the package asks of a log: Airflow 3 gives its tasks a logger that is not the standard library's."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """Something that takes messages with arguments, as ``logging.Logger`` does."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Tell what happens."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Tell what somebody should look at."""
