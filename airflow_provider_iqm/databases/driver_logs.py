"""Keeps database drivers from logging statements and messages, which may hold personal data."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_ABOVE_ALL = logging.CRITICAL + 1

_TALKATIVE = ("databricks", "mysql", "oracledb", "psycopg", "snowflake", "sqlalchemy", "trino")
"""Drivers that log while they connect, when which driver it is isn't known yet; and SQLAlchemy, by which some do."""


@contextmanager
def without_driver_logs(driver: str = "") -> Iterator[None]:
    """
    Mute the loggers of drivers.

    :param driver: The package of one that may not be among the known ones; empty before there is a connection.
    """
    levels: dict[logging.Logger, int] = {}
    # BigQuery's connection is Airflow's own class, and Airflow's logs are not to be muted.
    for package in {driver, *_TALKATIVE} - {"", "airflow", "airflow_provider_iqm"}:
        for name in [package, *(known for known in logging.root.manager.loggerDict if known.startswith(f"{package}."))]:
            logger = logging.getLogger(name)
            levels[logger] = logger.level
            logger.setLevel(_ABOVE_ALL)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
