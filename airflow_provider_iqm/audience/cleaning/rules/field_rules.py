"""
The cleaning rule for each IQM field, as DuckDB SQL expressions.

Most values are already in the published format, or nearly. A rule tests for that first, with a single regular
expression; only other values get a draft. The documentation page "Cleaning a list" lists all rules with their sources.
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

TEXT_FIELDS = {
    Field.FIRST_NAME,
    Field.LAST_NAME,
    Field.FULL_NAME,
    Field.STREET_ADDRESS,
    Field.CITY,
    Field.FULL_ADDRESS,
}
"""Names and addresses."""
_PHONE_FIELDS = {Field.PHONE, Field.CELLPHONE, Field.LANDLINE}


def field_rule(field: Field, *, raw: str, draft: str, normal: str, phone_format: PhoneFormat) -> Rule:
    """
    Return a field's rule.

    :param field: IQM field.
    :param raw: SQL name of the raw column.
    :param draft: SQL name of the draft.
    :param normal: SQL name of the normalized column.
    :param phone_format: Format of normalized phones.
    """
    if field in _PHONE_FIELDS:
        return phone_rule(raw=raw, draft=draft, phone_format=phone_format)
    rules = {Field.EMAIL: email_rule, Field.ZIP: zip_rule, Field.NPI_ID: npi_rule, Field.STATE: state_rule}
    if rule := rules.get(field):
        return rule(raw=raw, draft=draft, normal=normal)
    if field is Field.VOTER_ID:
        # Opaque: only invisible characters are removed.
        return text_rule(raw=raw, draft=draft, text=without_invisible(raw))
    return text_rule(raw=raw, draft=draft, text=collapsed(raw) if field in TEXT_FIELDS else composed(trimmed(raw)))


def text_rule(*, raw: str, draft: str, text: str) -> Rule:
    """
    Build the rule for text, which has no published format.

    :param raw: SQL name of the raw column.
    :param draft: SQL name of the draft.
    :param text: SQL expression of the draft of a value that isn't plain.
    """
    return Rule(
        draft=f"CASE WHEN {matches(raw, PLAIN)} THEN NULL ELSE {text} END",
        value=f"coalesce({draft}, {raw})",
        repairs=(
            Repair(RepairKind.INVISIBLE, has_invisible(raw)),
            Repair(RepairKind.COMPOSED, f"{composed(raw)} <> {raw} AND {composed(draft)} = {draft}"),
        ),
    )


def is_valid_value(field: Field, raw: str, *, phone_format: PhoneFormat) -> str:
    """Build the condition that a raw email or phone is valid."""
    draft = f"({field_rule(field, raw=raw, draft='', normal='', phone_format=phone_format).draft})"
    normal = f"({field_rule(field, raw=raw, draft=draft, normal='', phone_format=phone_format).value})"
    rule = field_rule(field, raw=raw, draft=draft, normal=normal, phone_format=phone_format)
    return f"CASE WHEN {normal} = '' THEN false ELSE NOT ({rule.fault}) END"


def hash_of(value: str, algorithm: DataFormat) -> str:
    """Build the expression of a value's hash; a blank value stays blank."""
    # sha512 is registered as a Python function: DuckDB has none.
    return f"CASE WHEN {value} = '' THEN '' ELSE {algorithm.value.lower()}({value}) END"


def is_blank(value: str) -> str:
    """Build the condition that a value is empty or white space."""
    return matches(value, f"[{SPACES}]*")
