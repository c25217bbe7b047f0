"""Suggest a column mapping from a file's header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.column_mapping import find_kind
from airflow_provider_iqm.audience.mapping.field_names import find_setting
from airflow_provider_iqm.audience.mapping.header import Header, is_header_word
from airflow_provider_iqm.exceptions import ColumnMappingError
from airflow_provider_iqm.vocabulary import FIELD_LABELS, FIELD_SETTINGS, DataFormat, Field, MappingKind
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALIASES = {
    Field.FIRST_NAME: ("fname", "given name", "forename"),
    Field.LAST_NAME: ("lname", "surname", "family name"),
    Field.FULL_NAME: ("name",),
    Field.STREET_ADDRESS: ("street", "address 1", "address line", "address line 1", "street address 1"),
    Field.CITY: ("town",),
    Field.STATE: ("state code", "st"),
    Field.ZIP: ("zip 5", "zip code", "postal code", "postcode"),
    Field.ZIP_PLUS_4: ("zip 4",),
    Field.LATITUDE: ("lat",),
    Field.LONGITUDE: ("lon", "lng"),
    Field.EMAIL: ("email address", "mail"),
    Field.PHONE: ("phone number", "telephone"),
    Field.CELLPHONE: ("mobile phone", "mobile", "cell", "cell phone"),
    Field.LANDLINE: ("home phone",),
    Field.VOTER_ID: ("state voter id", "voterbase id", "i360 id", "aristotle id"),
    Field.NPI_ID: ("npi", "npi number"),
    Field.GENDER: ("sex",),
}


_HASHED = re.compile(r"(.*?)(hashed|hash)?(md5|sha1|sha256|sha512)(hash|hex)?")
"""A column name, without its punctuation, that includes a hash algorithm."""


@dataclass(frozen=True)
class Suggestion:
    """
    A suggested mapping.

    :param columns: File column → system field.
    :param settings: System field → setting, where the column's name implies one.
    :param kind: The kind of mapping that IQM would match by; ``None`` if no kind is complete.
    :param unmapped: All other columns, except for those that may be data.
    :param hidden: How many columns are left out because they may be data, and why.
    """

    columns: dict[str, str]
    settings: dict[str, str]
    kind: MappingKind | None
    unmapped: tuple[str, ...]
    hidden: str = ""


def suggest_mapping(header: Sequence[str]) -> Suggestion:
    """
    Suggest a mapping: each field gets the first column with a matching name.

    :param header: The names in the file's first line, which may be data.
    """
    doubt = Header(tuple(header)).doubt
    shown = [column for column in header if not doubt or is_header_word(column)]
    placed: dict[Field, str] = {}
    settings: dict[str, str] = {}
    for column in shown:
        field, setting = _field_and_setting(column)
        if field and field not in placed:
            placed[field] = column
            if setting:
                settings[field.value] = setting
    if Field.CELLPHONE in placed and Field.PHONE not in placed:
        # IQM matches by the field Phone; Cellphone is only a detail.
        placed = {Field.PHONE if field is Field.CELLPHONE else field: column for field, column in placed.items()}
        settings[Field.PHONE.value] = DataFormat.RAW.value
    columns = {column: field.value for field, column in placed.items()}
    try:
        kind = find_kind(placed)
    except ColumnMappingError:
        kind = None
    hidden = f"{count_of(len(header) - len(shown), 'column')}. {doubt}." if doubt else ""
    return Suggestion(columns, settings, kind, tuple(column for column in shown if column not in columns), hidden)


def _field_and_setting(column: str) -> tuple[Field | None, str | None]:
    name = _normalize(column)
    known = {
        _normalize(known): field
        for field in Field
        for known in (field.value, *FIELD_LABELS[field], *_ALIASES.get(field, ()))
    }
    hashed = _HASHED.fullmatch(name)
    if hashed and known.get(hashed[1]) in (Field.EMAIL, Field.PHONE):
        return known[hashed[1]], hashed[3].upper()
    field = known.get(name)
    if field is None or field not in FIELD_SETTINGS:
        return field, None
    if FIELD_SETTINGS[field] is DataFormat:
        return field, DataFormat.RAW.value
    # The data partner, if the column's name includes it.
    return field, find_setting(field, column)


def _normalize(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
