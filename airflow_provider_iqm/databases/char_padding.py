"""Which columns a database pads with blanks: ``CHAR(10)`` returns ``abc`` as ``abc`` and seven blanks."""

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
"""Driver → what its ``description`` has for the type, where that is a number."""

_CHAR_NAME = re.compile(r"(DB_TYPE_)?(N?CHAR|CHARACTER)(_TYPE)?(\(\d+\))?", re.IGNORECASE)
"""What it is for others: Oracle's ``DB_TYPE_NCHAR``, Trino's ``char(10)``, Hive's ``CHAR_TYPE``."""


def is_padded(driver: str, type_code: object) -> bool:
    """
    Tell whether a column's values may be padded; where the driver doesn't distinguish CHAR from VARCHAR, they may not.

    :param driver: The driver's package.
    :param type_code: The second item of the column's ``description``.
    """
    if isinstance(type_code, int):
        return type_code == _CHAR_CODES.get(driver)
    name = type_code if isinstance(type_code, str) else getattr(type_code, "name", None)
    return isinstance(name, str) and _CHAR_NAME.fullmatch(name) is not None


def without_padding(value: object) -> object:
    """
    Return a value without the blanks at its end.

    :param value: The value.
    """
    return value.rstrip(" ") if isinstance(value, str) else value
