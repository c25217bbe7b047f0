"""
v3: static lists of columns, column combinations, data formats, data partners, subtypes, statuses and verticals.

Names are those of IQM's documents. The ids of columns, combinations, formats and partners are the sandbox's own: the
documents contradict each other, so a client must look them up.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError
from airflow_provider_iqm.sandbox.settings import SandboxSettings

POLITICAL, SPECIALIZATION, HEALTHCARE = VERTICALS = (31, 32, 33)
MATCHED_AUDIENCE = 1
# The OpenAPI file has 1 to 3 and 9 as examples, and 15 as an unknown type.
AUDIENCE_TYPES = range(1, 10)

_FIRST_AND_LAST = ("Voters_FirstName", "Voters_LastName")
_PLACE = ("Residence_Addresses_State", "Residence_Addresses_Zip")
_STREET = "Residence_Addresses_AddressLine"
# The quickstart's combinations ("Before you begin"), single columns first.
_COMBINATIONS = (
    ("Voters_ID",),
    ("NPI_ID",),
    ("Email",),
    ("Phone",),
    ("Residence_FullAddress",),
    (*_FIRST_AND_LAST, *_PLACE),
    ("Voters_LastName", _STREET, *_PLACE),
    (_STREET, *_PLACE),
)
_COLUMNS = {
    "Voters_ID": "Voter ID",
    "NPI_ID": "NPI ID",
    "Email": "Email",
    "Phone": "Phone",
    "Residence_FullAddress": "Full Address",
    "Voters_FirstName": "First Name",
    "Voters_LastName": "Last Name",
    "Residence_Addresses_Zip": "Zip",
    "Residence_Addresses_State": "State",
    "Residence_Addresses_AddressLine": "Street Address",
    "Voters_FullName": "Full Name",
    "Residence_Addresses_City": "City",
    "Residence_Addresses_ZipPlus4": "ZipPlus4",
    "Voters_Age": "Age",
    "Voters_Gender": "Gender",
    "Ethnic_Description": "Ethnicity",
    "Residence_Addresses_Latitude": "Latitude",
    "Residence_Addresses_Longitude": "Longitude",
}
_FORMATS = {
    "Raw": "Raw",
    "MD5": "Hashed (MD5)",
    "SHA1": "Hashed (SHA1)",
    "SHA256": "Hashed (SHA256)",
    "SHA512": "Hashed (SHA512)",
    "Other": "Hashed (other)",
}
HASHABLE = frozenset({"Email", "Phone"})
# By the column whose ids they provide.
_PARTNERS = {
    "Voters_ID": {
        "Voters_StateVoterID": "Registered Voter ID",
        "LalVoterID": "L2 ID",
        "i360_id": "i360 ID",
        "voterbase_id": "TargetSmart ID",
        "aristotle_id": "Aristotle ID",
        "Other": "Other ID",
    },
    "NPI_ID": {"hl_npi_id": "Healthlink ID", "healthcare_id": "Healthcare ID", "data360_npi_id": "Data360 ID"},
}
PARTNERED = frozenset(_PARTNERS)
INACTIVE_PARTNERS = frozenset({"data360_npi_id"})


@dataclass(frozen=True)
class Entry:
    """
    An entry of a static list.

    :param id: its id.
    :param name: its name in IQM's system.
    :param display_name: its name for people.
    :param order: its place in the list, from 1.
    """

    id: int
    name: str
    display_name: str
    order: int

    def as_json(self) -> dict[str, Any]:
        """Return the entry in the lists' JSON format."""
        return {"id": self.id, "name": self.name, "order": self.order, "displayName": self.display_name}


@dataclass(frozen=True)
class Partner(Entry):
    """
    A data partner.

    :param column: name of the column whose ids it provides.
    """

    column: str

    @property
    def active(self) -> bool:
        """Whether the partner can be used."""
        return self.name not in INACTIVE_PARTNERS


@dataclass(frozen=True)
class Combination:
    """
    A combination of columns that is sufficient for matching.

    :param id: its id.
    :param columns: the columns' names.
    :param order: its place in the list, from 1.
    """

    id: int
    columns: tuple[str, ...]
    order: int


# These ids are the same in all documents.
SUBTYPES = [
    Entry(3, "hcp", "HCP", 3),
    Entry(4, "npi_nurse", "Nurse", 4),
    Entry(5, "non_npi_nurse", "Non-NPI Nurse", 5),
    Entry(6, "patient", "Patient", 6),
]
PATIENT = "patient"
STATUSES = [
    Entry(2, "pending", "Pending", 1),
    Entry(1, "processing", "Processing", 2),
    Entry(3, "ready", "Ready", 3),
    Entry(4, "rejected", "Rejected", 4),
    Entry(6, "failed", "Failed", 5),
    Entry(7, "fetching_data", "Fetching Data", 6),
    Entry(8, "data_fetched", "Data Fetched", 7),
]
DELETED = Entry(5, "deleted", "Deleted", 8)
# Id of a status set by the admin API that isn't in the list.
UNLISTED_STATUS = 99
_STATUS_IDS = {entry.display_name.casefold(): entry.id for entry in [*STATUSES, DELETED]}


def status_id(status: str) -> int:
    """
    Return the id of a status.

    :param status: the status, as in the classic details.
    """
    return _STATUS_IDS.get(status.casefold(), UNLISTED_STATUS)


@dataclass(frozen=True)
class Scope:
    """
    Filter of the static lists.

    :param vertical: id of the vertical; None for an account with all verticals.
    :param subtypes: names of the audience subtypes; empty for any.
    """

    vertical: int | None = None
    subtypes: tuple[str, ...] = ()

    def has(self, column: str) -> bool:
        """
        Return whether a column can be used: voter ids in the political vertical, NPI ids in the healthcare vertical.

        :param column: the column's name.
        """
        healthcare = self.vertical == HEALTHCARE or bool(self.subtypes)
        match column:
            case "Voters_ID":
                return self.vertical in {None, POLITICAL} and not healthcare
            case "NPI_ID":
                professional = not self.subtypes or not {"hcp", "npi_nurse"}.isdisjoint(self.subtypes)
                return self.vertical in {None, HEALTHCARE} and professional
        return True


def scope(settings: SandboxSettings, vertical_id: int | None, subtype_ids: Iterable[int]) -> Scope:
    """
    Return the scope of a request.

    :param settings: settings with the account's vertical.
    :param vertical_id: the requested vertical, if any.
    :param subtype_ids: the requested subtypes.
    """
    if vertical_id is not None and vertical_id not in VERTICALS:
        raise RefusedError(422, Problem("Invalid vertical ID provided.", "verticalId"))
    if settings.vertical_id is not None and vertical_id not in {None, settings.vertical_id}:
        raise RefusedError(422, Problem("Request for resource with forbidden vertical ID.", "verticalId"))
    vertical = settings.vertical_id if vertical_id is None else vertical_id
    names = {entry.id: entry.name for entry in SUBTYPES} if vertical in {None, HEALTHCARE} else {}
    for subtype_id in subtype_ids:
        if subtype_id not in names:
            asked = "null" if vertical is None else vertical
            message = f"Invalid audienceSubtypeId {subtype_id} for verticalId {asked}"
            raise RefusedError(422, Problem(message, "audienceSubtypeId"))
    return Scope(vertical, tuple(names[subtype_id] for subtype_id in subtype_ids))


class Catalogue:
    """
    The account's static lists.

    :param seed: seed for random ids; 0 for fixed ids.
    :param absent: names of columns, formats and partners that the account lacks.
    """

    def __init__(self, seed: int, absent: frozenset[str]) -> None:
        columns, combinations, formats, partners = _ids(seed)
        named = [(column, name, label) for column, names in _PARTNERS.items() for name, label in names.items()]
        # Absent entries don't change the ids and order of the others.
        self._columns = [
            entry
            for order, (name, label) in enumerate(_COLUMNS.items(), 1)
            if (entry := Entry(next(columns), name, label, order)).name not in absent
        ]
        self.formats = [
            entry
            for order, (name, label) in enumerate(_FORMATS.items(), 1)
            if (entry := Entry(next(formats), name, label, order)).name not in absent
        ]
        self._partners = [
            partner
            for order, (column, name, label) in enumerate(named, 1)
            if (partner := Partner(next(partners), name, label, order, column)).name not in absent
        ]
        self._combinations = [
            combination
            for order, names in enumerate(_COMBINATIONS, 1)
            if absent.isdisjoint((combination := Combination(next(combinations), names, order)).columns)
        ]

    def columns(self, scope: Scope) -> list[Entry]:
        """
        Return the columns that can be mapped.

        :param scope: the request's scope.
        """
        return [column for column in self._columns if scope.has(column.name)]

    def partners(self, scope: Scope) -> list[Partner]:
        """
        Return the data partners, including inactive ones.

        :param scope: the request's scope.
        """
        return [partner for partner in self._partners if scope.has(partner.column)]

    def combinations(self, scope: Scope) -> list[Combination]:
        """
        Return the combinations of columns.

        :param scope: the request's scope.
        """
        return [each for each in self._combinations if all(scope.has(name) for name in each.columns)]


@cache
def _catalogue(seed: int, absent: frozenset[str]) -> Catalogue:
    return Catalogue(seed, absent)


def catalogue(settings: SandboxSettings) -> Catalogue:
    """
    Return the lists of the account.

    :param settings: the sandbox's settings.
    """
    return _catalogue(settings.id_seed, settings.absent_names)


def _ids(seed: int) -> tuple[Iterator[int], ...]:
    if not seed:
        return count(101), count(201), count(301), count(401)
    # Ids are unique across all lists, so that a client that mixes up two lists fails.
    drawn = iter(random.Random(seed).sample(range(1000, 10_000), 100))  # noqa: S311 - no secret
    return drawn, drawn, drawn, drawn
