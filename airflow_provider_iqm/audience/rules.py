r"""
The rules by which a value is normalised and judged, each an SQL expression of DuckDB.

Sources: the hashes that IQM's quickstart shows are those of lower-case emails and of 10 bare digits; UID2's and
Google's published vectors agree on emails (trim, lower case, dots and ``+`` kept); E.164 is ITU-T's; state codes and
ZIP are those of USPS Publication 28, appendix B; the NPI's check digit is that of 45 CFR 162.406 (Luhn, prefix 80840).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning import HASH_LENGTHS
from airflow_provider_iqm.audience.duckdb_csv import WHITE_SPACE, quoted
from airflow_provider_iqm.audience.states import STATE_CODES
from airflow_provider_iqm.vocabulary import DataFormat, Field

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.cleaning import PhoneFormat

_SPACES = "".join(f"\\x{{{ord(character):x}}}" for character in WHITE_SPACE)
_LOCAL = rf'[^@,;<>()"{_SPACES}]+'
_LABEL = rf'[^@.,;<>()"{_SPACES}]+'
_EMAIL = rf"{_LOCAL}@{_LABEL}(\.{_LABEL})+"
_PHONE_MARKS = rf"[()./\-\x{{2010}}-\x{{2015}}{_SPACES}]+"
_USUAL_PHONE_MARKS = "(-) ."
"""Those of the marks that are removed first, in a quicker way."""

_PHONES = {"10-digit": r"(\+?1)?[0-9]{10}", "E.164": r"\+[1-9][0-9]{6,14}"}
_NORMAL_PHONES = {"10-digit": "[0-9]{10}", "E.164": r"\+[1-9][0-9]{6,14}"}
_ZIP = "[0-9]{5}(-?[0-9]{4})?"
_HASH = "|".join(f"[0-9a-fA-F]{{{length}}}" for length in HASH_LENGTHS.values())

_COLLAPSED = {
    Field.FIRST_NAME,
    Field.LAST_NAME,
    Field.FULL_NAME,
    Field.STREET_ADDRESS,
    Field.CITY,
    Field.FULL_ADDRESS,
}
_PHONE_FIELDS = {Field.PHONE, Field.CELLPHONE, Field.LANDLINE}


@dataclass(frozen=True)
class Rule:
    """
    What becomes of a column's values.

    :param value: The normalised value, of the raw column.
    :param draft: What is worked out of the raw column first, because it is needed more than once.
    :param fault: When the normalised value, which isn't blank, can't match; ``None`` where any can.
    :param reason: What a report calls that.
    """

    value: str
    fault: str | None = None
    reason: str = ""
    draft: str = "NULL"


def rule_for(field: Field, *, raw: str, draft: str, normal: str, phone_format: PhoneFormat) -> Rule:
    """
    Give a field's rule.

    :param field: IQM's field.
    :param raw: The raw column's name in SQL.
    :param draft: The name in SQL that the rule's draft will have.
    :param normal: The name in SQL that the normalised column will have.
    :param phone_format: The form of a phone.
    """
    if field is Field.EMAIL:
        # Most emails are well-formed as they stand, and one look at them does: for white space, form and hashes.
        value = f"lower(CASE WHEN {draft} THEN {raw} ELSE {trimmed(raw)} END)"
        fault = f"CASE WHEN {draft} THEN false ELSE NOT {_matches(normal, _EMAIL)} END"
        return Rule(value, fault, "malformed email", draft=_matches(raw, _EMAIL))
    if field in _PHONE_FIELDS:
        return _phone(raw, draft, normal, phone_format)
    if field is Field.ZIP:
        value = (
            f"CASE WHEN {_matches(raw, '[0-9]{5}')} THEN {raw} "
            f"WHEN {_matches(trimmed(raw), _ZIP)} THEN left({trimmed(raw)}, 5) ELSE {trimmed(raw)} END"
        )
        return Rule(value, f"NOT {_matches(normal, '[0-9]{5}')}", "malformed zip")
    if field is Field.NPI_ID:
        return Rule(
            trimmed(raw),
            f"CASE WHEN {_matches(normal, '[0-9]{10}')} THEN {_luhn(normal)} % 10 <> 0 ELSE true END",
            "malformed NPI",
        )
    if field is Field.STATE:
        return Rule(_state(raw))
    if field is Field.VOTER_ID:
        return Rule(raw)
    return Rule(collapsed(raw) if field in _COLLAPSED else trimmed(raw))


def hashed_rule(algorithm: DataFormat, *, raw: str, normal: str) -> Rule:
    """Give the rule of a column that holds hashes: lower case, and of the hash's length."""
    length = HASH_LENGTHS[algorithm]
    fault = f"NOT {_matches(normal, f'[0-9a-f]{{{length}}}')}"
    return Rule(f"lower({trimmed(raw)})", fault, f"malformed {algorithm.value} hash")


def is_fit(field: Field, raw: str, *, phone_format: PhoneFormat) -> str:
    """Whether a raw email or phone would be without a fault."""
    if field is Field.EMAIL:
        return _matches(trimmed(raw), _EMAIL)
    return _matches(_digits(raw), _PHONES[phone_format])


def is_hash(value: str) -> str:
    """Whether a trimmed value looks like a hash of any of the known kinds."""
    return _matches(value, _HASH)


def hash_of(value: str, algorithm: DataFormat) -> str:
    """Hash a value; a blank one stays blank."""
    # sha512 is a function of ours: DuckDB has none.
    return f"CASE WHEN {value} = '' THEN '' ELSE {algorithm.value.lower()}({value}) END"


def is_blank(value: str) -> str:
    """Whether a value is blank, trimmed or not."""
    return f"{trimmed(value)} = ''"


def plus_four(zip_code: str, extension: str) -> str:
    """The ZIP's extension: the column's own value, else what stands behind the five digits."""
    behind = f"regexp_extract({trimmed(zip_code)}, '^[0-9]{{5}}-?([0-9]{{4}})$', 1)"
    return f"CASE WHEN {is_blank(extension)} THEN {behind} ELSE {trimmed(extension)} END"


def trimmed(value: str) -> str:
    """Trim white space of every kind."""
    # trim() with a list of characters takes three times as long as this, and most values need neither.
    clean = _matches(value, f"[^{_SPACES}]((?s:.)*[^{_SPACES}])?")
    edges = quoted(f"^[{_SPACES}]+|[{_SPACES}]+$")
    return f"CASE WHEN {clean} THEN {value} ELSE regexp_replace({value}, {edges}, '', 'g') END"


def collapsed(value: str) -> str:
    """Trim, and make one space of every run of white space."""
    guard = _matches(value, f"[^{_SPACES}]+( [^{_SPACES}]+)*")
    one_space = f"regexp_replace({value}, {quoted(f'[{_SPACES}]+')}, ' ', 'g')"
    return f"CASE WHEN {guard} THEN {value} ELSE trim({one_space}) END"


def _matches(value: str, pattern: str) -> str:
    return f"regexp_full_match({value}, {quoted(pattern)})"


def _phone(raw: str, draft: str, normal: str, phone_format: PhoneFormat) -> Rule:
    shortened = "right({}, 10)" if phone_format == "10-digit" else "{}"
    cases = [f"WHEN {_matches(draft, _NORMAL_PHONES[phone_format])} THEN {draft}"]
    cases += [
        f"WHEN {_matches(text, _PHONES[phone_format])} THEN {shortened.format(text)}" for text in (draft, _digits(raw))
    ]
    value = f"CASE {' '.join(cases)} ELSE {trimmed(raw)} END"
    without_marks = raw
    for mark in _USUAL_PHONE_MARKS:
        without_marks = f"replace({without_marks}, '{mark}', '')"
    fault = f"NOT {_matches(normal, _NORMAL_PHONES[phone_format])}"
    return Rule(value, fault, "malformed phone", draft=without_marks)


def _digits(phone: str) -> str:
    return f"regexp_replace({phone}, {quoted(_PHONE_MARKS)}, '', 'g')"


def _state(raw: str) -> str:
    names, codes = (", ".join(quoted(text) for text in texts) for texts in zip(*STATE_CODES.items(), strict=True))
    plain = f"upper(replace({collapsed(raw)}, '.', ''))"
    code = f"CASE WHEN strlen({plain}) = 2 THEN {plain} ELSE map([{names}], [{codes}])[{plain}] END"
    return f"CASE WHEN {_matches(raw, '[A-Z]{2}')} THEN {raw} ELSE coalesce({code}, {collapsed(raw)}) END"


def _luhn(npi: str) -> str:
    """The sum of Luhn's formula, in which the prefix 80840 always counts 24."""
    sums = ["24"]
    for position in range(1, 11):
        digit = f"(ascii(substr({npi}, {position}, 1)) - 48)"
        sums.append(f"({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)" if position % 2 else digit)
    return f"({' + '.join(sums)})"
