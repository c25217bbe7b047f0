"""
The rule of phones: 10 digits of the North American Numbering Plan, or E.164 (ITU-T).

The plan's numbers are NPA-NXX-XXXX, where N is 2 to 9. By its administrator (NANPA), N11 (service codes), N9X (reserved
for the plan's expansion), 37X and 96X (set aside) aren't area codes; N11 isn't an exchange either. Which area codes are
in use changes from year to year and isn't checked. The fictional numbers 555-0100 to 555-0199 are valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.rules.characters import (
    LOOK_ALIKES,
    bare,
    contains,
    has_marks_around,
    matches,
    replaced,
)
from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, RepairKind, Rule, character_repairs, form_rule

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.cleaning.options import PhoneFormat

_AREA = "(?:[2-9](?:[02-58][0-9]|1[02-9])|[2-8]6[0-9]|[24-9]7[0-9])"
_EXCHANGE = "[2-9](?:[02-9][0-9]|1[02-9])"
# IQM's own sample list has 7890123456, whose exchange can't be: that list should go through.
_TEN_DIGITS = f"(?:{_AREA}{_EXCHANGE}[0-9]{{4}}|7890123456)"
_USUAL_NUMBER = rf"\(?{_AREA}\)?[-. ]{{0,2}}{_EXCHANGE}[-. ]?[0-9]{{4}}"
_USUAL_MARKS = "(-) ."
_LAYOUTS = {"(___) ___-____": (2, 7, 11), "___-___-____": (1, 5, 9)}
"""The most usual ones, for LIKE → where area code, exchange and the last four digits begin."""
_MARKS = r"[()\[\]./~ -]+"
_OTHER_COUNTRIES = "[2-9][0-9]{6,14}"

_USUAL = {
    "10-digit": rf"((?:\+?1[-. ]?)?{_USUAL_NUMBER})?",
    "E.164": rf"(\+(?:1[-. ]?{_USUAL_NUMBER}|{_OTHER_COUNTRIES}))?",
}
"""Phones as most are written, which are read in a quicker way."""

_READABLE = {"10-digit": rf"(?:\+?1)?{_TEN_DIGITS}", "E.164": rf"\+(?:1{_TEN_DIGITS}|{_OTHER_COUNTRIES})"}

_PREFIX = "(?i)^(?:tel|phone|cell|mobile)[.: ]+"
# As people write them, or as parameters of a tel: URI (RFC 3966).
_EXTENSION = r"(?i)(?:(?:;[a-z-]+=[^;]*)+|[ ,;./(-]*(?:e?xt(?:ensi[oó]n|n)?|x|#)[ .:#=-]*[0-9]{0,7}[ )]*)$"
_DECIMAL = r"(?:^(\+?[0-9]+)[.,]0+|[.,]0)$"
# A decimal number, a single digit as the last group, and a digit that is dialed inside a country only.
_UNREADABLE = r"^\+?[0-9]+\.[0-9]{1,3}$|\.[0-9]$|\(0\)"


def phone_rule(*, raw: str, draft: str, phone_format: PhoneFormat) -> Rule:
    """
    Give the rule of phones.

    :param raw: The raw column's name in SQL.
    :param draft: The draft's name in SQL.
    :param phone_format: The form of a normalized phone.
    """
    number = replaced(replaced(bare(raw), _PREFIX), _EXTENSION)
    digits = replaced(replaced(replaced(number, _DECIMAL, r"\1"), _UNREADABLE, "?"), _MARKS, everywhere=True)
    usual = raw
    for mark in _USUAL_MARKS:
        usual = f"replace({usual}, '{mark}', '')"
    readable = draft
    if phone_format == "10-digit":
        usual, readable = _quickly(raw, f"right({usual}, 10)"), f"right({draft}, 10)"
    return form_rule(
        raw=raw,
        draft=draft,
        usual=matches(raw, _USUAL[phone_format]),
        text=digits,
        value=usual,
        fits=matches(draft, _READABLE[phone_format]),
        readable=readable,
        reason="malformed phone",
        repairs=(
            *character_repairs(raw, LOOK_ALIKES),
            Repair(RepairKind.PUNCTUATION, has_marks_around(raw)),
            Repair(RepairKind.PREFIX, contains(raw, "(?i)^[^0-9a-z]*[a-z]")),
            Repair(RepairKind.EXTENSION, contains(raw, "(?i)[0-9][^0-9]*[a-z#]")),
            Repair(RepairKind.DECIMAL, contains(raw, r"^[^0-9]*[0-9]+[.,]0+[^0-9]*$|[0-9][.,]0[^0-9]*$")),
        ),
    )


def _quickly(raw: str, digits: str) -> str:
    """Cut the ten digits out of the most usual phones, since to remove marks takes three times as long."""
    cases = f"WHEN strlen({raw}) = 10 THEN {raw}"
    for layout, starts in _LAYOUTS.items():
        parts = [f"substr({raw}, {start}, {length})" for start, length in zip(starts, (3, 3, 4), strict=True)]
        cases += f" WHEN {raw} LIKE '{layout}' THEN concat({', '.join(parts)})"
    return f"CASE {cases} ELSE {digits} END"
