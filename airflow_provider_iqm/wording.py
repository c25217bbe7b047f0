"""Format counts and external names for messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

_SURROGATE = re.compile("[\ud800-\udfff]")


def count_of(number: int, noun: str) -> str:
    """
    Format a count with its noun: ``1 record``, ``1,204 records``.

    :param number: The number.
    :param noun: The noun, in the singular, with a regular plural.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quote_names(names: Iterable[str]) -> str:
    """
    Format names as a comma-separated list in quotes, so that surrounding spaces and invisible characters show.

    :param names: The names.
    """
    return ", ".join(map(repr, names))


def display_name(name: str) -> str:
    """
    Format a name for a message: quoted and escaped if it has surrounding spaces or unprintable characters.

    :param name: The name; a file name can contain bytes that aren't UTF-8 (PEP 383).
    """
    return name if name.isprintable() and name == name.strip() else repr(name)


def is_unicode(text: str) -> bool:
    """
    Return whether a text can be encoded in UTF-8: it contains no unpaired surrogates.

    :param text: The text.
    """
    return _SURROGATE.search(text) is None


def as_unicode(name: str) -> str:
    """
    Make a name valid Unicode: bytes of a file name that aren't UTF-8 (PEP 383) become U+FFFD.

    :param name: The name.
    """
    return _SURROGATE.sub("\ufffd", name)


def printable_on(stream: TextIO, text: str) -> str:
    """
    Escape the characters of a text that a stream's encoding lacks.

    :param stream: The stream.
    :param text: The text.
    """
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
