"""Parses single values of IQM's responses."""

from __future__ import annotations

from typing import Any

MAX_NUMBER = 2**63
"""Numbers in responses must be smaller, so that any database can store them."""

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""The exceptions that a parser can raise for data in another format."""


def number_or_none(value: Any, kind: type[Any]) -> Any:
    """
    Return a number, which some responses leave out or write as text.

    :raises ValueError: It is infinite or too large.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        raise TypeError("a boolean")
    number = kind(value)
    if not -MAX_NUMBER < number < MAX_NUMBER:
        raise ValueError("not a finite number")
    return number
