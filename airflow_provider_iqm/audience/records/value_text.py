"""Converts values to text, without loss."""

from __future__ import annotations

import datetime
import math
import uuid
from decimal import Decimal


def value_text(value: object) -> str:
    """
    Convert a value of a database, a DataFrame or a workbook to text.

    Whole numbers of any type become digits, decimals are exact, and no number has an exponent. Dates and times are in
    ISO 8601; a timestamp at midnight without a time zone becomes a date. Booleans become ``true`` and ``false``,
    missing values (``None``, NaN, NaT) an empty text.

    :param value: The value.
    :raises TypeError: The value has no equivalent text, such as bytes or a list; the message is its type.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Decimal):
        return "" if value.is_nan() else f"{value:f}"
    if isinstance(value, datetime.date | datetime.time):
        return _date_text(value)
    if isinstance(value, datetime.timedelta | uuid.UUID):
        return str(value)
    # A NumPy scalar.
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value_text(value.item())  # type: ignore[attr-defined]
    raise TypeError(type(value).__name__)


def _float_text(value: float) -> str:
    if value.is_integer():
        return str(int(value))
    # repr() returns the shortest digits that parse to the same number.
    return "" if math.isnan(value) else f"{Decimal(float.__repr__(value)):f}"


def _date_text(value: datetime.date | datetime.time) -> str:
    # pandas' NaT is a datetime, and unequal to itself.
    return "" if value != value else value.isoformat().removesuffix("T00:00:00")
