"""
The rule by which each field's values are normalized and judged, as SQL expressions of DuckDB.

Most values of a list are in the published form already, or nearly. A rule tests for that first, with one regular
expression, and leaves all others to its draft. The page on cleaning lists the rules, each with its source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.rules.characters import (
    PLAIN,
    SPACES,
    collapsed,
    composed,
    has_invisible,
    matches,
    trimmed,
    without_invisible,
)
from airflow_provider_iqm.audience.cleaning.rules.codes import npi_rule, state_rule, zip_rule
from airflow_provider_iqm.audience.cleaning.rules.emails import email_rule
from airflow_provider_iqm.audience.cleaning.rules.phones import phone_rule
from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, RepairKind, Rule
from airflow_provider_iqm.vocabulary import DataFormat, Field

if TYPE_CHECKING:
    from airflow_provider_iqm.audience.cleaning.options import PhoneFormat

_COLLAPSED = {
    Field.FIRST_NAME,
    Field.LAST_NAME,
    Field.FULL_NAME,
    Field.STREET_ADDRESS,
    Field.CITY,
    Field.FULL_ADDRESS,
}
_PHONE_FIELDS = {Field.PHONE, Field.CELLPHONE, Field.LANDLINE}


def rule_for(field: Field, *, raw: str, draft: str, normal: str, phone_format: PhoneFormat) -> Rule:
    """
    Give a field's rule.

    :param field: IQM's field.
    :param raw: The raw column's name in SQL.
    :param draft: The name in SQL that the rule's draft will have.
    :param normal: The name in SQL that the normalized column will have.
    :param phone_format: The form of a phone.
    """
    if field in _PHONE_FIELDS:
        return phone_rule(raw=raw, draft=draft, phone_format=phone_format)
    rules = {Field.EMAIL: email_rule, Field.ZIP: zip_rule, Field.NPI_ID: npi_rule, Field.STATE: state_rule}
    if rule := rules.get(field):
        return rule(raw=raw, draft=draft, normal=normal)
    if field is Field.VOTER_ID:
        # It is what it is: only what nobody sees is removed.
        return text_rule(raw=raw, draft=draft, text=without_invisible(raw))
    return text_rule(raw=raw, draft=draft, text=collapsed(raw) if field in _COLLAPSED else composed(trimmed(raw)))


def text_rule(*, raw: str, draft: str, text: str) -> Rule:
    """
    Give the rule of values that have no form.

    :param raw: The raw column's name in SQL.
    :param draft: The draft's name in SQL.
    :param text: What is made of a value that isn't plain.
    """
    return Rule(
        draft=f"CASE WHEN {matches(raw, PLAIN)} THEN NULL ELSE {text} END",
        value=f"coalesce({draft}, {raw})",
        repairs=(
            Repair(RepairKind.INVISIBLE, has_invisible(raw)),
            Repair(RepairKind.COMPOSED, f"{composed(raw)} <> {raw} AND {composed(draft)} = {draft}"),
        ),
    )


def is_fit(field: Field, raw: str, *, phone_format: PhoneFormat) -> str:
    """Whether a raw email or phone would be without a fault."""
    draft = f"({rule_for(field, raw=raw, draft='', normal='', phone_format=phone_format).draft})"
    normal = f"({rule_for(field, raw=raw, draft=draft, normal='', phone_format=phone_format).value})"
    rule = rule_for(field, raw=raw, draft=draft, normal=normal, phone_format=phone_format)
    return f"CASE WHEN {normal} = '' THEN false ELSE NOT ({rule.fault}) END"


def hash_of(value: str, algorithm: DataFormat) -> str:
    """Hash a value; a blank one stays blank."""
    # sha512 is a function of ours: DuckDB has none.
    return f"CASE WHEN {value} = '' THEN '' ELSE {algorithm.value.lower()}({value}) END"


def is_blank(value: str) -> str:
    """Whether a value is empty or white space."""
    return matches(value, f"[{SPACES}]*")
