"""
Parse mapping arguments given as strings: JSON from a Variable, a Param or a template.

Jinja renders a mapping as a Python literal (``{'email': 'Email'}``), so Python literals are accepted as well.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

_MAX_LENGTH = 1_000_000


def parse_mapping(value: Any, *, error: type[Exception], argument: str, example: str) -> Any:
    """
    Return an argument's mapping, parsed from JSON if it is a string. Other types are returned as they are.

    :param value: The argument's value.
    :param error: The type of the error to raise.
    :param argument: The argument's name, for messages.
    :param example: A mapping as JSON, for messages.
    :raises Exception: The string is not a JSON object; an error of the type ``error``.
    """
    if not isinstance(value, str):
        return value
    expected = f"Pass a dict or a JSON object, such as {example}."
    try:
        found = parse_json_text(value)
    except ValueError as reason:
        raise error(f"{argument} is not a valid JSON object: {reason}. {expected}") from None
    if not isinstance(found, dict):
        raise error(f"{argument} is not a JSON object but a {type(found).__name__}. {expected}")
    return found


def parse_json_text(text: str) -> Any:
    """
    Parse JSON, or a Python literal as rendered by a template.

    :param text: The text.
    :raises ValueError: The text is neither. The message doesn't quote it.
    """
    if not text.strip():
        raise ValueError("it is blank")
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"it has {len(text):,} characters")
    try:
        return json.loads(text, object_pairs_hook=_reject_duplicate_keys)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        reason = "it is nested too deeply"
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(reason) from None


def _reject_duplicate_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has a duplicate key")
    return found
