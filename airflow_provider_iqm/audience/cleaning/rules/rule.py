"""How one column is cleaned: the SQL expressions of a rule and its repairs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.rules.characters import has_any, has_invisible, trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping


class RepairKind(StrEnum):
    """Kinds of repairs, by their names in reports."""

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
    A repair that is counted.

    :param kind: The kind of repair.
    :param condition: SQL condition of a value with a draft that the repair made valid.
    """

    kind: RepairKind
    condition: str


@dataclass(frozen=True)
class Rule:
    """
    How a column's values are normalized and validated, in SQL.

    :param draft: Expression, of the raw value, of a preliminary value without invisible characters, surrounding
        punctuation and the like; NULL if the raw value is already in the published format, or nearly, as most. Such
        a value has no fault.
    :param value: Expression, of the raw value and the draft, of the normalized value.
    :param fault: Condition of a normalized value that can't match and isn't blank; ``None`` if any value can match.
    :param reason: Name of the fault in reports.
    :param repairs: Repairs to count in values that have a draft.
    """

    draft: str
    value: str
    fault: str | None = None
    reason: str = ""
    repairs: tuple[Repair, ...] = ()


def format_rule(
    *,
    raw: str,
    draft: str,
    fast_path: str,
    text: str,
    value: str,
    is_valid: str,
    valid_value: str,
    invalid_value: str = "",
    fault: str = "",
    reason: str = "",
    repairs: tuple[Repair, ...] = (),
) -> Rule:
    """
    Build the rule for a field that has a published format.

    All parameters except ``reason`` and ``repairs`` are SQL. An expression is evaluated only where it is needed.

    :param raw: Name of the raw column.
    :param draft: Name of the draft.
    :param fast_path: Condition of a raw value in the published format, or nearly, which needs no draft.
    :param text: Draft of any other value.
    :param value: Normalized value if there is no draft.
    :param is_valid: Condition of a valid draft.
    :param valid_value: Normalized value of a valid draft.
    :param invalid_value: Normalized value of an invalid draft; by default, the trimmed raw value.
    :param fault: Condition of a value with a draft that can't match; by default, an invalid draft.
    :param reason: Name of the fault in reports; without it, no value has a fault.
    :param repairs: Repairs to count.
    """
    return Rule(
        draft=f"CASE WHEN {fast_path} THEN NULL ELSE {text} END",
        value=(
            f"CASE WHEN {draft} IS NULL THEN {value} WHEN {is_valid} THEN {valid_value} "
            f"ELSE {invalid_value or trimmed(raw)} END"
        ),
        fault=f"CASE WHEN {draft} IS NULL THEN false ELSE {fault or f'NOT {is_valid}'} END" if reason else None,
        reason=reason,
        repairs=repairs,
    )


def character_repairs(raw: str, table: Mapping[str, str]) -> tuple[Repair, ...]:
    """
    Return the repairs of single characters.

    :param raw: SQL name of the raw column.
    :param table: Characters that are replaced with ASCII.
    """
    return (Repair(RepairKind.INVISIBLE, has_invisible(raw)), Repair(RepairKind.ASCII, has_any(raw, table)))
