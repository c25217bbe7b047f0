"""
Arguments that are given as text, such as by a Variable, a Param or a template: a JSON object in the place of a mapping.

Jinja writes a mapping as Python does (``{'email': 'Email'}``), so that form is read too.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

_LONGEST = 1_000_000


def parse_mapping(value: Any, *, error: type[Exception], argument: str, example: str) -> Any:
    """
    Return an argument's mapping, read from text if it is text; other types are left to the argument's own check.

    :param value: The argument's value.
    :param error: What to raise.
    :param argument: Its name, for messages.
    :param example: A mapping as JSON, for messages.
    :raises Exception: The text is no JSON object. The error is of the type that was given.
    """
    if not isinstance(value, str):
        return value
    expected = f"Give a mapping, or a JSON object as text, such as {example}."
    try:
        found = parse_json_text(value)
    except ValueError as reason:
        raise error(f"{argument} is text, but no JSON object: {reason}. {expected}") from None
    if not isinstance(found, dict):
        raise error(f"{argument} is the text of a {type(found).__name__}, not of a JSON object. {expected}")
    return found


def parse_json_text(text: str) -> Any:
    """
    Read JSON, or a Python literal, which is what a template makes of a mapping or a list.

    :param text: The text.
    :raises ValueError: It is neither. The message doesn't quote the text.
    """
    if not text.strip():
        raise ValueError("it is blank")
    if len(text) > _LONGEST:
        raise ValueError(f"it has {len(text):,} characters")
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        reason = "it is nested too deeply"
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(reason) from None


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has a key twice")
    return found
