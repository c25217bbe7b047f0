"""A value's text in a list: nothing of it lost, nothing of it guessed."""

from __future__ import annotations

import datetime
import math
import uuid
from decimal import Decimal


def value_text(value: object) -> str:
    """
    Write a value of a database, a DataFrame or a workbook as text.

    Whole numbers come out as digits, whatever their type, decimals exactly, no number with an exponent; dates and
    times in ISO 8601, where a time of midnight without a zone is a date; booleans as ``true`` and ``false``; what is
    missing (``None``, NaN, NaT) as an empty text.

    :param value: The value.
    :raises TypeError: It has no text that says the same, as bytes or a list have none; the error names the type.
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
    # A number of NumPy's.
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value_text(value.item())  # type: ignore[attr-defined]
    raise TypeError(type(value).__name__)


def _float_text(value: float) -> str:
    if value.is_integer():
        return str(int(value))
    # repr() writes the fewest digits that are this number again.
    return "" if math.isnan(value) else f"{Decimal(float.__repr__(value)):f}"


def _date_text(value: datetime.date | datetime.time) -> str:
    # pandas' NaT is a datetime, and unequal to itself.
    return "" if value != value else value.isoformat().removesuffix("T00:00:00")
