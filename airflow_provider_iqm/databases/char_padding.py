"""Detect columns that a database pads with blanks: a ``CHAR(10)`` returns ``abc`` followed by seven blanks."""

from __future__ import annotations

import re

_CHAR_CODES = {
    "psycopg": 1042,  # bpchar
    "psycopg2": 1042,
    "redshift_connector": 1042,
    "pymysql": 254,  # padded under PAD_CHAR_TO_FULL_LENGTH
    "MySQLdb": 254,
    "mysql": 254,
    "vertica_python": 8,
}
"""Driver → the numeric type code of CHAR in its ``description``."""

_CHAR_NAME = re.compile(r"(DB_TYPE_)?(N?CHAR|CHARACTER)(_TYPE)?(\(\d+\))?", re.IGNORECASE)
"""The type name of CHAR in other drivers: Oracle's ``DB_TYPE_NCHAR``, Trino's ``char(10)``, Hive's ``CHAR_TYPE``."""


def is_padded(driver: str, type_code: object) -> bool:
    """
    Return whether a column's values may be padded; ``False`` if the driver doesn't distinguish CHAR from VARCHAR.

    :param driver: The driver's package.
    :param type_code: The second item of the column's ``description``.
    """
    if isinstance(type_code, int):
        return type_code == _CHAR_CODES.get(driver)
    name = type_code if isinstance(type_code, str) else getattr(type_code, "name", None)
    return isinstance(name, str) and _CHAR_NAME.fullmatch(name) is not None


def without_padding(value: object) -> object:
    """
    Remove trailing blanks from a value.

    :param value: The value.
    """
    return value.rstrip(" ") if isinstance(value, str) else value
