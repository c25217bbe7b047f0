"""Silence the loggers of database drivers: statements and messages may contain personal data."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_SILENT = logging.CRITICAL + 1

_KNOWN_DRIVERS = ("databricks", "mysql", "oracledb", "psycopg", "snowflake", "sqlalchemy", "trino")
"""Drivers that log while connecting, before the driver is known, and SQLAlchemy, which some of them use."""


@contextmanager
def without_driver_logs(driver: str = "") -> Iterator[None]:
    """
    Silence the loggers of database drivers while the ``with`` block runs.

    :param driver: Package of the driver in use, if it is known, in addition to the known drivers.
    """
    levels: dict[logging.Logger, int] = {}
    # BigQuery's connection is a class of Airflow, whose loggers must not be silenced.
    for package in {driver, *_KNOWN_DRIVERS} - {"", "airflow", "airflow_provider_iqm"}:
        for name in [package, *(known for known in logging.root.manager.loggerDict if known.startswith(f"{package}."))]:
            logger = logging.getLogger(name)
            levels[logger] = logger.level
            logger.setLevel(_SILENT)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
