"""
IQM's terms that the whole package shares: fields, kinds of mapping, settings and statuses. No logic.

Sources: IQM's "Quickstart Guide: Matched Audience Upload" (the column list, the upload's ``columns`` and
``columnSettings``), and the static lists of IQM's API reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

MAX_FILE_BYTES = 1_000_000_000
"""IQM's maximum file size: 1 GB (quickstart, "Before you begin")."""

MAX_RECORDS = 5_000_000
"""IQM's maximum number of records in a file (quickstart, "Before you begin")."""

MIN_NPI_RECORDS = 25
"""The minimum number of records that IQM is said to need in a list of NPI ids; fewer are worth a warning."""

METADATA_SAMPLE_RECORDS = 3
"""The number of records whose values are in the upload's ``metadata`` (quickstart, request sample)."""


class Field(StrEnum):
    """IQM's fields, by their system names in an upload."""

    FIRST_NAME = "Voters_FirstName"
    LAST_NAME = "Voters_LastName"
    FULL_NAME = "Voters_FullName"
    STREET_ADDRESS = "Residence_Addresses_AddressLine"
    CITY = "Residence_Addresses_City"
    STATE = "Residence_Addresses_State"
    ZIP = "Residence_Addresses_Zip"
    ZIP_PLUS_4 = "Residence_Addresses_ZipPlus4"
    FULL_ADDRESS = "Residence_FullAddress"
    LATITUDE = "Residence_Addresses_Latitude"
    LONGITUDE = "Residence_Addresses_Longitude"
    EMAIL = "Email"
    PHONE = "Phone"
    CELLPHONE = "VoterTelephones_CellphoneUnformatted"
    LANDLINE = "VoterTelephones_LandlineUnformatted"
    VOTER_ID = "Voters_ID"
    NPI_ID = "NPI_ID"
    AGE = "Voters_Age"
    GENDER = "Voters_Gender"
    ETHNICITY = "Ethnic_Description"


FIELD_LABELS: dict[Field, tuple[str, ...]] = {
    Field.FIRST_NAME: ("First Name",),
    Field.LAST_NAME: ("Last Name",),
    Field.FULL_NAME: ("Full Name",),
    Field.STREET_ADDRESS: ("Street Address", "Address"),
    Field.CITY: ("City",),
    Field.STATE: ("State",),
    Field.ZIP: ("Zip",),
    Field.ZIP_PLUS_4: ("ZipPlus4",),
    Field.FULL_ADDRESS: ("Full Address",),
    Field.LATITUDE: ("Latitude",),
    Field.LONGITUDE: ("Longitude",),
    Field.EMAIL: ("Email",),
    Field.PHONE: ("Phone",),
    Field.CELLPHONE: ("Cellphone",),
    Field.LANDLINE: ("Landline",),
    # The column list calls this field "LalVoterID", the upload "Voters_ID".
    Field.VOTER_ID: ("Voter ID", "LalVoterID"),
    Field.NPI_ID: ("NPI ID",),
    Field.AGE: ("Age",),
    Field.GENDER: ("Gender",),
    Field.ETHNICITY: ("Ethnicity",),
}
"""The labels of each field; messages use the first one."""


class DataFormat(StrEnum):
    """How the values of an email or phone column are written (IQM's list of data formats)."""

    RAW = "Raw"
    MD5 = "MD5"
    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"
    OTHER = "Other"


class VoterDataPartner(StrEnum):
    """The source of a column's voter ids (IQM's list of data partners)."""

    REGISTERED_VOTER_ID = "Voters_StateVoterID"
    L2 = "LalVoterID"
    I360 = "i360_id"
    TARGETSMART = "voterbase_id"
    ARISTOTLE = "aristotle_id"
    OTHER = "Other"


class HealthcareDataPartner(StrEnum):
    """The source of a column's NPI ids (IQM's list of data partners, and the quickstart)."""

    HEALTHLINK = "hl_npi_id"
    HEALTHCARE = "healthcare_id"


SETTING_LABELS: dict[Enum, tuple[str, ...]] = {
    DataFormat.MD5: ("Hashed (MD5)",),
    DataFormat.SHA1: ("Hashed (SHA1)",),
    DataFormat.SHA256: ("Hashed (SHA256)",),
    DataFormat.SHA512: ("Hashed (SHA512)",),
    DataFormat.OTHER: ("Hashed (other)",),
    VoterDataPartner.REGISTERED_VOTER_ID: ("Registered Voter ID",),
    VoterDataPartner.L2: ("L2 ID",),
    VoterDataPartner.I360: ("i360 ID",),
    VoterDataPartner.TARGETSMART: ("TargetSmart ID",),
    VoterDataPartner.ARISTOTLE: ("Aristotle ID",),
    VoterDataPartner.OTHER: ("Other ID",),
    HealthcareDataPartner.HEALTHLINK: ("Healthlink ID",),
}
"""The labels of the values of a column setting."""

FIELD_SETTINGS: dict[Field, type[DataFormat] | type[VoterDataPartner] | type[HealthcareDataPartner]] = {
    Field.EMAIL: DataFormat,
    Field.PHONE: DataFormat,
    Field.VOTER_ID: VoterDataPartner,
    Field.NPI_ID: HealthcareDataPartner,
}
"""The fields that have a column setting, and the valid settings of each."""


@dataclass(frozen=True)
class MappingKind:
    """
    A combination of fields that IQM matches people by.

    :param label: Its name in messages.
    :param fields: The fields that must be mapped.
    :param single_column: Whether a single column is the key (the upload's ``isSingleColumnEnabled``).
    """

    label: str
    fields: tuple[Field, ...]
    single_column: bool = False


MAPPING_KINDS: tuple[MappingKind, ...] = (
    MappingKind("NPI id", (Field.NPI_ID,), single_column=True),
    MappingKind("voter id", (Field.VOTER_ID,), single_column=True),
    MappingKind("phone", (Field.PHONE,), single_column=True),
    MappingKind("email", (Field.EMAIL,), single_column=True),
    MappingKind("full address", (Field.FULL_ADDRESS,), single_column=True),
    MappingKind("name", (Field.FIRST_NAME, Field.LAST_NAME, Field.STATE, Field.ZIP)),
    MappingKind("last name and street", (Field.LAST_NAME, Field.STREET_ADDRESS, Field.STATE, Field.ZIP)),
    MappingKind("street", (Field.STREET_ADDRESS, Field.STATE, Field.ZIP)),
)
"""The kinds of mapping (quickstart, the upload's ``columns``)."""


class AudienceStatus(StrEnum):
    """
    The status of an audience, as IQM displays it.

    A status that isn't listed here never counts as ready.
    """

    PROCESSING = "Processing"
    PENDING = "Pending"
    FETCHING_DATA = "Fetching Data"
    DATA_FETCHED = "Data Fetched"
    READY = "Ready"
    FAILED = "Failed"
    REJECTED = "Rejected"
    DELETED = "Deleted"


FAILED_STATUSES = frozenset({AudienceStatus.FAILED, AudienceStatus.REJECTED, AudienceStatus.DELETED})
"""Final statuses: the audience will never be ready."""
