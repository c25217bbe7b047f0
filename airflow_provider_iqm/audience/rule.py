"""What a cleaning does to one column: the form that its rule and its repairs have in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RepairKind(StrEnum):
    """The kinds of repairs that are counted, by the names that a report uses."""

    INVISIBLE = "invisible characters removed"
    COMPOSED = "letters and accents composed"
    ASCII = "digits and punctuation converted to ASCII"
    PUNCTUATION = "punctuation removed"
    PREFIX = "prefix removed"
    EXTENSION = "extension removed"
    DECIMAL = "decimal .0 removed"
    DISPLAY_NAME = "display name removed"
    STATE = "name or abbreviation replaced by code"


@dataclass(frozen=True)
class Repair:
    """
    A kind of repair.

    :param kind: The kind.
    :param condition: The SQL condition of a value that has a draft, and turned out well, because of it.
    """

    kind: RepairKind
    condition: str


@dataclass(frozen=True)
class Rule:
    """
    What becomes of a column's values.

    :param draft: The value as far as it can be told without looking at its form, of the raw column; NULL where the
        raw value is in the published form already, or nearly, as most are.
    :param value: The normalized value, of the raw column and the draft.
    :param fault: When the normalized value, which isn't blank, can't match; ``None`` where any can.
    :param reason: What a report calls that.
    :param repairs: What is counted of the values that have a draft.
    """

    draft: str
    value: str
    fault: str | None = None
    reason: str = ""
    repairs: tuple[Repair, ...] = ()
