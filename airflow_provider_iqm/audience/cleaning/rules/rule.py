"""What a cleaning does to one column: the form that its rule and its repairs have in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.rules.characters import has_any, has_invisible, trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        raw value is in the published form already, or nearly, as most are. Such a value has no fault.
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


def form_rule(
    *,
    raw: str,
    draft: str,
    usual: str,
    text: str,
    value: str,
    fits: str,
    readable: str,
    unreadable: str = "",
    fault: str = "",
    reason: str = "",
    repairs: tuple[Repair, ...] = (),
) -> Rule:
    """
    Give the rule of values that have a published form.

    All parameters but ``reason`` are SQL, and each value is asked for only where it is needed.

    :param raw: The raw column's name.
    :param draft: The draft's name.
    :param usual: Whether the raw value is in the published form, or nearly: then it has no draft.
    :param text: The draft of any other value.
    :param value: The normalized value where there is no draft.
    :param fits: Whether a draft can be read.
    :param readable: The normalized value of such a draft.
    :param unreadable: The normalized value of any other draft; without it, the raw value, trimmed.
    :param fault: Whether a value with a draft can't match; without it, it can't where the draft can't be read.
    :param reason: What a report calls that; without it, no value has a fault.
    :param repairs: What is counted.
    """
    return Rule(
        draft=f"CASE WHEN {usual} THEN NULL ELSE {text} END",
        value=(
            f"CASE WHEN {draft} IS NULL THEN {value} WHEN {fits} THEN {readable} ELSE {unreadable or trimmed(raw)} END"
        ),
        fault=f"CASE WHEN {draft} IS NULL THEN false ELSE {fault or f'NOT {fits}'} END" if reason else None,
        reason=reason,
        repairs=repairs,
    )


def character_repairs(raw: str, table: Mapping[str, str]) -> tuple[Repair, ...]:
    """
    List the repairs of single characters.

    :param raw: The raw column's name in SQL.
    :param table: What is replaced by ASCII.
    """
    return (Repair(RepairKind.INVISIBLE, has_invisible(raw)), Repair(RepairKind.ASCII, has_any(raw, table)))
