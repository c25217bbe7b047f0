"""The rules of codes: ZIP codes and states (USPS Publication 28), NPIs (45 CFR 162.406), and hashes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import HASH_LENGTHS
from airflow_provider_iqm.audience.cleaning.rules.characters import (
    FULL_WIDTH,
    LOOK_ALIKES,
    bare,
    collapsed,
    contains,
    has_any,
    has_invisible,
    has_marks_around,
    in_ascii,
    matches,
    replaced,
    unless_plain,
)
from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, RepairKind, Rule, character_repairs, form_rule
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
    """Give the rule of ZIP codes: 5 digits; the parameters are names in SQL, as in all rules."""
    text = bare(raw)
    whole = replaced(text, _ZIP_DECIMAL, r"\1")
    return form_rule(
        raw=raw,
        draft=draft,
        usual=matches(raw, "([0-9]{5})?"),
        text=whole,
        value=raw,
        fits=matches(draft, _ZIP_AND_FOUR),
        readable=f"left({draft}, 5)",
        reason="malformed zip",
        repairs=(
            *_repairs(raw, f"{has_marks_around(raw)} OR NOT {matches(draft, '[0-9]{5}(-?[0-9]{4})?')}"),
            Repair(RepairKind.DECIMAL, contains(text, _ZIP_DECIMAL)),
        ),
    )


def plus_four_rule(*, raw: str, draft: str, zip_draft: str | None) -> Rule:
    """
    Give the rule of the four digits behind a ZIP code: the column's own value, else what is behind the five digits.

    :param raw: The raw column's name in SQL.
    :param draft: The draft's name in SQL.
    :param zip_draft: The name in SQL of the draft of the column with ZIP codes, if there is one.
    """
    text = bare(raw)
    fits = matches(draft, "[0-9]{4}")
    rule = form_rule(
        raw=raw,
        draft=draft,
        usual=matches(raw, "([0-9]{4})?"),
        text=replaced(text, _PLUS_FOUR_DECIMAL, r"\1"),
        value=raw,
        fits=fits,
        readable=draft,
        # A value that isn't read as four digits loses nothing but its invisible characters.
        repairs=(
            Repair(RepairKind.INVISIBLE, has_invisible(raw)),
            Repair(RepairKind.ASCII, f"{fits} AND {has_any(raw, LOOK_ALIKES)}"),
            Repair(RepairKind.PUNCTUATION, f"{fits} AND {has_marks_around(raw)}"),
            Repair(RepairKind.DECIMAL, contains(text, _PLUS_FOUR_DECIMAL)),
        ),
    )
    if not zip_draft:
        return rule
    behind = f"coalesce(regexp_extract({zip_draft}, '^{_ZIP_AND_FOUR}$', 2), '')"
    return replace(rule, value=f"coalesce(nullif({rule.value}, ''), {behind})")


def npi_rule(*, raw: str, draft: str, normal: str) -> Rule:
    """Give the rule of NPIs: 10 digits, of which the last is right."""
    text = bare(raw)
    digits = replaced(replaced(text, _NPI_DECIMAL, r"\1"), "[ -]+", everywhere=True)
    return form_rule(
        raw=raw,
        draft=draft,
        usual=f"CASE WHEN {raw} = '' THEN true ELSE {_is_npi(raw)} END",
        text=digits,
        value=raw,
        fits=matches(draft, "[0-9]{10}"),
        readable=draft,
        fault=f"NOT {_is_npi(normal)}",
        reason="malformed NPI",
        repairs=(
            *_repairs(raw, f"{has_marks_around(raw)} OR {contains(text, '[ -]')}"),
            Repair(RepairKind.DECIMAL, contains(text, _NPI_DECIMAL)),
        ),
    )


def state_rule(*, raw: str, draft: str, normal: str) -> Rule:
    """Give the rule of states: the code of a code, name or abbreviation; what is none of them is no fault."""
    text = unless_plain(raw, collapsed(in_ascii(raw, FULL_WIDTH)))
    return Rule(
        draft=f"CASE WHEN {matches(raw, '([A-Z]{2})?')} THEN NULL ELSE {text} END",
        value=f"CASE WHEN {draft} IS NULL THEN {raw} ELSE coalesce({_state(draft)}, {draft}) END",
        repairs=(
            *character_repairs(raw, FULL_WIDTH),
            Repair(RepairKind.STATE, f"upper({draft}) <> {normal} AND {matches(normal, '[A-Z]{2}')}"),
        ),
    )


def hash_rule(algorithm: DataFormat, *, raw: str, draft: str) -> Rule:
    """Give the rule of a column that holds hashes: lower case, and of the hash's length."""
    form = f"[0-9a-fA-F]{{{HASH_LENGTHS[algorithm]}}}"
    return form_rule(
        raw=raw,
        draft=draft,
        usual=matches(raw, f"({form})?"),
        text=bare(raw),
        value=f"lower({raw})",
        fits=matches(draft, form),
        readable=f"lower({draft})",
        reason=f"malformed {algorithm.value} hash",
        repairs=_repairs(raw, has_marks_around(raw)),
    )


def is_hash(raw: str) -> str:
    """Whether a raw value is a hash of any of the known kinds."""
    return matches(bare(raw), _HASH)


def _repairs(raw: str, has_marks: str) -> tuple[Repair, ...]:
    return (*character_repairs(raw, LOOK_ALIKES), Repair(RepairKind.PUNCTUATION, has_marks))


def _state(text: str) -> str:
    """The code of a state; NULL of what is none."""
    names, codes = (", ".join(quoted(item) for item in items) for items in zip(*STATE_KEYS.items(), strict=True))
    # Dots, blanks and hyphens make no difference, nor do the words around a name.
    key = replaced(f"upper({text})", "[ .,'-]+", everywhere=True)
    name = f"regexp_extract({key}, {quoted(_STATE_NAME)}, 1)"
    known = f"map([{names}], [{codes}])"
    code = f"coalesce({known}[{key}], {known}[{name}])"
    return f"CASE WHEN {matches(text, '[A-Za-z][.]?[A-Za-z][.]?')} THEN {key} ELSE {code} END"


def _is_npi(npi: str) -> str:
    """Whether a value has ten digits that are right by Luhn's formula, in which the prefix 80840 always counts 24."""
    sums = ["24"]
    for position in range(1, 11):
        digit = f"(ascii(substr({npi}, {position}, 1)) - 48)"
        sums.append(f"({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)" if position % 2 else digit)
    return f"CASE WHEN {matches(npi, '[0-9]{10}')} THEN ({' + '.join(sums)}) % 10 = 0 ELSE false END"
