"""Reads ids that a task was given: as numbers, as text from a template, or as a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_iqm.audience.mapping.json_text import parse_json_text
from airflow_provider_iqm.exceptions import IQMFinalError


def parse_ids(argument: str, value: object, *, may_be_empty: bool = False) -> int | list[int]:
    """
    Return the id, or the list of ids, that an argument gives.

    :param argument: The argument's name.
    :param value: One id: an ``int`` or digits. Or several: an iterable of these, also a lazy one, or a list as
        text, which is what a template makes of a list.
    :param may_be_empty: Whether the list may be empty.
    :raises IQMFinalError: There is no id, or something isn't an id.
    """
    if isinstance(value, str) and value.strip().startswith(("[", "(")):
        try:
            value = parse_json_text(value)
        except ValueError:
            raise IQMFinalError(f"{argument} isn't a list of ids such as [15332, 15333].") from None
    if isinstance(value, int | str) or value is None:
        return _parse_id(argument, value)
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        raise IQMFinalError(f"{argument} is of the type {type(value).__name__}; give an id, or a list of ids.")
    ids = [_parse_id(argument, item) for item in value]
    if not ids and not may_be_empty:
        raise IQMFinalError(f"{argument} is an empty list. Give at least one id.")
    return ids


def list_ids(argument: str, value: object, *, may_be_empty: bool = False) -> list[int]:
    """
    Return the ids that an argument gives, as a list also where it gives one.

    :param argument: The argument's name.
    :param value: One id or several.
    :param may_be_empty: Whether there may be none.
    :raises IQMFinalError: There is no id, or something isn't an id.
    """
    ids = parse_ids(argument, value, may_be_empty=may_be_empty)
    return [ids] if isinstance(ids, int) else ids


def _parse_id(argument: str, value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise IQMFinalError(f"{argument} contains {value!r}, which isn't an id. Give a number above 0.")
    return value
