"""Parses ids in arguments: numbers, text from a template, or lists of either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_iqm.api.audience import read_audience_id
from airflow_provider_iqm.audience.mapping.json_text import parse_json_text
from airflow_provider_iqm.exceptions import IQMFinalError

_MAX_SHOWN = 20


def parse_ids(argument: str, value: object, *, may_be_empty: bool = False) -> int | list[int]:
    """
    Parse an argument that takes one id or several.

    :param argument: The argument's name, for error messages.
    :param value: One id (an ``int`` or digits), or several (any iterable of these, or a list that a template rendered
        to text).
    :param may_be_empty: Whether an empty list is valid.
    :raises IQMFinalError: There is no id, or a value isn't an id.
    """
    if isinstance(value, str) and value.strip().startswith(("[", "(")):
        try:
            value = parse_json_text(value)
        except ValueError:
            raise IQMFinalError(
                f"{argument} isn't a valid list of ids. Expected a list such as [15332, 15333]."
            ) from None
    if isinstance(value, int | str) or value is None:
        return parse_id(argument, value)
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        raise IQMFinalError(f"{argument} is a {type(value).__name__}. Expected an id or a list of ids.")
    ids = [parse_id(argument, item) for item in value]
    if not ids and not may_be_empty:
        raise IQMFinalError(f"{argument} is an empty list. Pass at least one id.")
    return ids


def list_ids(argument: str, value: object, *, may_be_empty: bool = False) -> list[int]:
    """
    Parse an argument that takes one id or several, and always return a list.

    :param argument: The argument's name, for error messages.
    :param value: One id or several.
    :param may_be_empty: Whether an empty list is valid.
    :raises IQMFinalError: There is no id, or a value isn't an id.
    """
    ids = parse_ids(argument, value, may_be_empty=may_be_empty)
    return [ids] if isinstance(ids, int) else ids


def parse_id(argument: str, value: object) -> int:
    """
    Return the one id that an argument gives.

    :param argument: The argument's name.
    :param value: An ``int`` or digits.
    :raises IQMFinalError: It isn't an id.
    """
    try:
        return read_audience_id(value.strip() if isinstance(value, str) else value)
    except ValueError:
        pass
    raise IQMFinalError(f"{argument} contains {_show(value)}, which isn't an id. Expected a positive number.")


def _show(value: object) -> str:
    """Return a value for an error message, or only its type if it is long or could be an email address."""
    short = isinstance(value, float | None) or (isinstance(value, int) and abs(value) < 10**_MAX_SHOWN)
    if short or (isinstance(value, str) and len(value) <= _MAX_SHOWN and "@" not in value):
        return repr(value)
    return f"a value of type {type(value).__name__}"
