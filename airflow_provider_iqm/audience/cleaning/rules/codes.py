"""Rules for codes: ZIP codes and states (USPS Publication 28), NPIs (45 CFR 162.406), and hashes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import HASH_LENGTHS
from airflow_provider_iqm.audience.cleaning.rules.characters import (
    FULL_WIDTH,
    LOOK_ALIKES,
    collapsed,
    contains,
    has_any,
    has_invisible,
    has_surrounding_punctuation,
    matches,
    replaced,
    stripped,
    to_ascii,
    unless_plain,
)
from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, RepairKind, Rule, character_repairs, format_rule
from airflow_provider_iqm.audience.duckdb.csv_queries import quoted
from airflow_provider_iqm.audience.records.states import STATE_KEYS

if TYPE_CHECKING:
    from airflow_provider_iqm.vocabulary import DataFormat

_HASH = "|".join(f"[0-9a-fA-F]{{{length}}}" for length in HASH_LENGTHS.values())

_ZIP_DECIMAL = r"^([0-9]{5}|[0-9]{9})[.,]0+$"
_ZIP_AND_FOUR = "([0-9]{5}) *-? *([0-9]{4})?"
_PLUS_FOUR_DECIMAL = r"^([0-9]{4})[.,]0+$"
_NPI_DECIMAL = r"^([0-9]{10})[.,]0+$"
_STATE_NAME = "^(?:THE)?(?:STATEOF|COMMONWEALTHOF|TERRITORYOF|USA?)?(?:THE)?(.*?)(?:STATE|USA?|OFTHEUNITEDSTATES)?$"


def zip_rule(*, raw: str, draft: str, normal: str) -> Rule:  # noqa: ARG001 - all rules have the same parameters
    """Build the rule for ZIP codes: 5 digits. All parameters are SQL names, as in all rules."""
    text = stripped(raw)
    whole = replaced(text, _ZIP_DECIMAL, r"\1")
    return format_rule(
        raw=raw,
        draft=draft,
        fast_path=matches(raw, "([0-9]{5})?"),
        text=whole,
        value=raw,
        is_valid=matches(draft, _ZIP_AND_FOUR),
        valid_value=f"left({draft}, 5)",
        reason="malformed zip",
        repairs=(
            *_repairs(raw, f"{has_surrounding_punctuation(raw)} OR NOT {matches(draft, '[0-9]{5}(-?[0-9]{4})?')}"),
            Repair(RepairKind.DECIMAL, contains(text, _ZIP_DECIMAL)),
        ),
    )


def plus_four_rule(*, raw: str, draft: str, zip_draft: str | None) -> Rule:
    """
    Build the rule for ZIP+4: the column's own value, else the last four digits in the ZIP code column.

    :param raw: SQL name of the raw column.
    :param draft: SQL name of the draft.
    :param zip_draft: SQL name of the draft of the ZIP code column, if one is mapped.
    """
    text = stripped(raw)
    is_valid = matches(draft, "[0-9]{4}")
    rule = format_rule(
        raw=raw,
        draft=draft,
        fast_path=matches(raw, "([0-9]{4})?"),
        text=replaced(text, _PLUS_FOUR_DECIMAL, r"\1"),
        value=raw,
        is_valid=is_valid,
        valid_value=draft,
        # In a value that isn't four digits, only invisible characters are removed.
        repairs=(
            Repair(RepairKind.INVISIBLE, has_invisible(raw)),
            Repair(RepairKind.ASCII, f"{is_valid} AND {has_any(raw, LOOK_ALIKES)}"),
            Repair(RepairKind.PUNCTUATION, f"{is_valid} AND {has_surrounding_punctuation(raw)}"),
            Repair(RepairKind.DECIMAL, contains(text, _PLUS_FOUR_DECIMAL)),
        ),
    )
    if not zip_draft:
        return rule
    behind = f"coalesce(regexp_extract({zip_draft}, '^{_ZIP_AND_FOUR}$', 2), '')"
    return replace(rule, value=f"coalesce(nullif({rule.value}, ''), {behind})")


def npi_rule(*, raw: str, draft: str, normal: str) -> Rule:
    """Build the rule for NPIs: 10 digits with a valid check digit."""
    text = stripped(raw)
    digits = replaced(replaced(text, _NPI_DECIMAL, r"\1"), "[ -]+", everywhere=True)
    return format_rule(
        raw=raw,
        draft=draft,
        fast_path=f"CASE WHEN {raw} = '' THEN true ELSE {_is_npi(raw)} END",
        text=digits,
        value=raw,
        is_valid=matches(draft, "[0-9]{10}"),
        valid_value=draft,
        fault=f"NOT {_is_npi(normal)}",
        reason="malformed NPI",
        repairs=(
            *_repairs(raw, f"{has_surrounding_punctuation(raw)} OR {contains(text, '[ -]')}"),
            Repair(RepairKind.DECIMAL, contains(text, _NPI_DECIMAL)),
        ),
    )


def state_rule(*, raw: str, draft: str, normal: str) -> Rule:
    """Build the rule for states: a code, name or abbreviation becomes the code; other values aren't a fault."""
    text = unless_plain(raw, collapsed(to_ascii(raw, FULL_WIDTH)))
    return Rule(
        draft=f"CASE WHEN {matches(raw, '([A-Z]{2})?')} THEN NULL ELSE {text} END",
        value=f"CASE WHEN {draft} IS NULL THEN {raw} ELSE coalesce({_state(draft)}, {draft}) END",
        repairs=(
            *character_repairs(raw, FULL_WIDTH),
            Repair(RepairKind.STATE, f"upper({draft}) <> {normal} AND {matches(normal, '[A-Z]{2}')}"),
        ),
    )


def hash_rule(algorithm: DataFormat, *, raw: str, draft: str) -> Rule:
    """Build the rule for hashes: lower case, with the algorithm's length."""
    form = f"[0-9a-fA-F]{{{HASH_LENGTHS[algorithm]}}}"
    return format_rule(
        raw=raw,
        draft=draft,
        fast_path=matches(raw, f"({form})?"),
        text=stripped(raw),
        value=f"lower({raw})",
        is_valid=matches(draft, form),
        valid_value=f"lower({draft})",
        reason=f"malformed {algorithm.value} hash",
        repairs=_repairs(raw, has_surrounding_punctuation(raw)),
    )


def is_hash(raw: str) -> str:
    """Build the condition that a raw value is a hash of any known algorithm."""
    return matches(stripped(raw), _HASH)


def hash_code(raw: str) -> str:
    """Build the expression of a hash of any known algorithm, in lower case; blank for other values."""
    shortest = min(HASH_LENGTHS.values())
    # Stripping takes three times as long as everything else.
    return (
        f"CASE WHEN strlen({raw}) < {shortest} THEN '' WHEN {matches(raw, _HASH)} THEN lower({raw}) "
        f"WHEN {is_hash(raw)} THEN lower({stripped(raw)}) ELSE '' END"
    )


def _repairs(raw: str, has_punctuation: str) -> tuple[Repair, ...]:
    return (*character_repairs(raw, LOOK_ALIKES), Repair(RepairKind.PUNCTUATION, has_punctuation))


def _state(text: str) -> str:
    """Build the expression of a state's code; NULL for other values."""
    names, codes = (", ".join(quoted(item) for item in items) for items in zip(*STATE_KEYS.items(), strict=True))
    # Ignore dots, blanks and hyphens, and words such as "State of" around a name.
    key = replaced(f"upper({text})", "[ .,'-]+", everywhere=True)
    name = f"regexp_extract({key}, {quoted(_STATE_NAME)}, 1)"
    known = f"map([{names}], [{codes}])"
    code = f"coalesce({known}[{key}], {known}[{name}])"
    return f"CASE WHEN {matches(text, '[A-Za-z][.]?[A-Za-z][.]?')} THEN {key} ELSE {code} END"


def _is_npi(npi: str) -> str:
    """Build the condition of a valid NPI: ten digits whose Luhn sum, with 24 for the prefix 80840, is valid."""
    sums = ["24"]
    for position in range(1, 11):
        digit = f"(ascii(substr({npi}, {position}, 1)) - 48)"
        sums.append(f"({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)" if position % 2 else digit)
    return f"CASE WHEN {matches(npi, '[0-9]{10}')} THEN ({' + '.join(sums)}) % 10 = 0 ELSE false END"
