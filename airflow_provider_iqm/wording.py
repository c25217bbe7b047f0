"""How messages count things and write names that come from outside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

_SURROGATE = re.compile("[\ud800-\udfff]")


def count_of(number: int, noun: str) -> str:
    """
    Write a number and what it counts: ``1 record``, ``1,204 records``.

    :param number: The number.
    :param noun: The noun, in the singular; its plural is regular.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quote_names(names: Iterable[str]) -> str:
    """
    Write names in a row, each in quotes, so that blanks at their ends and invisible characters show.

    :param names: The names.
    """
    return ", ".join(map(repr, names))


def display_name(name: str) -> str:
    """
    Write a name for a message: in quotes and escaped if a reader couldn't tell it otherwise, else as it is.

    :param name: The name; bytes of a file's name may not be UTF-8 (PEP 383).
    """
    return name if name.isprintable() and name == name.strip() else repr(name)


def is_unicode(text: str) -> bool:
    """
    Tell whether a text can be written in UTF-8, which one with half of a surrogate pair can't.

    :param text: The text.
    """
    return _SURROGATE.search(text) is None


def as_unicode(name: str) -> str:
    """
    Write a name so that it can be sent: bytes of a file's name that aren't UTF-8 (PEP 383) become U+FFFD.

    :param name: The name.
    """
    return _SURROGATE.sub("\ufffd", name)


def printable_on(stream: TextIO, text: str) -> str:
    """
    Escape the characters of a text that a stream can't write, such as those that a terminal's encoding lacks.

    :param stream: The stream.
    :param text: The text.
    """
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
