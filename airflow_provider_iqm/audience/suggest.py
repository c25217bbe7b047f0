"""A mapping proposed from a file's header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.vocabulary import FIELD_LABELS, MAPPING_KINDS, Field, MappingKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALSO_CALLED = {
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


@dataclass(frozen=True)
class Suggestion:
    """
    A proposed mapping.

    :param columns: File column → IQM's system field.
    :param kind: The first kind of mapping that it satisfies; ``None`` where it satisfies none.
    :param unplaced: The columns that no field was found for.
    """

    columns: dict[str, str]
    kind: MappingKind | None
    unplaced: tuple[str, ...]


def suggest_mapping(header: Sequence[str]) -> Suggestion:
    """
    Propose a mapping: each field gets the first column that is called like it.

    :param header: The file's columns.
    """
    known = {
        _folded(name): field
        for field in Field
        for name in (field.value, *FIELD_LABELS[field], *_ALSO_CALLED.get(field, ()))
    }
    placed: dict[Field, str] = {}
    for column in header:
        field = known.get(_folded(column))
        if field and field not in placed:
            placed[field] = column
    columns = {column: field.value for field, column in placed.items()}
    kind = next((kind for kind in MAPPING_KINDS if all(field in placed for field in kind.fields)), None)
    return Suggestion(columns, kind, tuple(column for column in header if column not in columns))


def _folded(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
