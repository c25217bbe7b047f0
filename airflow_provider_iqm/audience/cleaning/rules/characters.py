"""
DuckDB SQL expressions that remove or replace characters: invisible ones, white space, and look-alikes of ASCII.

Regular expressions are RE2's. Most values are plain ASCII, and the test for that is fast, so rules apply the slower
expressions to the other values only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.duckdb.csv_queries import WHITE_SPACE, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

INVISIBLE = (
    # Control characters that aren't white space.
    (0x00, 0x08),
    (0x0E, 0x1B),
    (0x7F, 0x7F),
    # Unicode's Default_Ignorable_Code_Point: soft hyphen, zero-width and bidirectional marks, variation selectors, ….
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""The first and the last code point of each range of invisible characters."""

FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
"""Full-width characters, from East Asian keyboards → ASCII."""

LOOK_ALIKES = {
    **FULL_WIDTH,
    **{chr(zero + digit): str(digit) for zero in (0x660, 0x6F0) for digit in range(10)},
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc\ufe58\ufe63", "-"),
    **dict.fromkeys("\u00b7\u2022\u2219\u30fb", "."),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
}
"""Characters used as digits, dashes, dots or quotes in phones, ZIP codes and NPIs → ASCII."""

PLAIN = "([!-~]+( [!-~]+)*)?"
"""Printable ASCII with single spaces: text in which there is nothing to remove, replace or compose."""

SPACES = "".join(f"\\x{{{ord(character):x}}}" for character in WHITE_SPACE)
"""White space, for use inside the brackets of a regular expression."""

_INVISIBLE = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in INVISIBLE)


def matches(value: str, pattern: str) -> str:
    """Build the condition that a pattern matches the whole value."""
    return f"regexp_full_match({value}, {quoted(pattern)})"


def contains(value: str, pattern: str) -> str:
    """Build the condition that a pattern matches a part of the value."""
    return f"regexp_matches({value}, {quoted(pattern)})"


def replaced(value: str, pattern: str, replacement: str = "", *, everywhere: bool = False) -> str:
    """Replace the first match of a pattern in a value, or every match."""
    return (
        f"regexp_replace({value}, {quoted(pattern)}, {quoted(replacement)}{', ' + quoted('g') if everywhere else ''})"
    )


def has_invisible(value: str) -> str:
    """Build the condition that a value contains invisible characters."""
    return contains(value, f"[{_INVISIBLE}]")


def has_any(value: str, table: Mapping[str, str]) -> str:
    """Build the condition that a value contains characters that :func:`to_ascii` replaces."""
    return contains(value, f"[{''.join(table)}]")


def without_invisible(value: str) -> str:
    """Remove invisible characters."""
    return replaced(value, f"[{_INVISIBLE}]+", everywhere=True)


def to_ascii(raw: str, table: Mapping[str, str]) -> str:
    """Replace look-alikes in a raw value with ASCII."""
    # Checking whether there is anything to replace takes a tenth of the time of translate().
    translated = f"translate({raw}, {quoted(''.join(table))}, {quoted(''.join(table.values()))})"
    return f"(CASE WHEN {has_any(raw, table)} THEN {translated} ELSE {raw} END)"


def trimmed(raw: str) -> str:
    """Remove invisible characters, and leading and trailing white space."""
    return replaced(without_invisible(raw), f"^[{SPACES}]+|[{SPACES}]+$", everywhere=True)


def unless_plain(raw: str, text: str) -> str:
    """
    Skip a slow expression for plain values, which it wouldn't change.

    :param raw: The raw value.
    :param text: The expression for values that aren't plain.
    """
    return f"(CASE WHEN {matches(raw, PLAIN)} THEN {raw} ELSE {text} END)"


def collapsed(value: str) -> str:
    """Remove invisible characters, compose letters, trim, and collapse white space to single spaces."""
    one_space = replaced(without_invisible(value), f"[{SPACES}]+", " ", everywhere=True)
    return composed(f"trim({one_space})")


def composed(value: str) -> str:
    """Compose letters and accents (Unicode NFC)."""
    return f"nfc_normalize({value})"


def stripped(raw: str) -> str:
    """
    Convert a code (phone, ZIP code, NPI or hash) to ASCII, and strip white space and punctuation around it.

    Punctuation is quotes, ``=`` as in ``="02134"``, and a trailing semicolon or comma.
    """
    visible = without_invisible(to_ascii(raw, LOOK_ALIKES))
    one_space = unless_plain(raw, replaced(visible, f"[{SPACES}]", " ", everywhere=True))
    return replaced(one_space, "^[ \"'`=]+|[ \"'`;,]+$", everywhere=True)


def has_surrounding_punctuation(raw: str) -> str:
    """Build the condition that punctuation surrounds a code; see :func:`stripped`."""
    return contains(raw, "^[^0-9A-Za-z+(]*[\"'`=]|[\"'`;,][^0-9A-Za-z]*$")
