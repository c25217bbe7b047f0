from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.mapping import resolve_mapping
from airflow_provider_iqm.exceptions import ColumnMappingError

NAME = {"first": "First Name", "last": "voters_lastname", "st": "State", "zip": "Residence_Addresses_Zip"}
STREET = {"street": "Address", "st": "State", "zip": "Zip"}
FILE = ("first", "last", "street", "st", "zip", "email", "phone", "voter", "npi", "full")


def resolve(columns, settings=None, **more):
    return resolve_mapping(columns, settings, file_columns=FILE, **more)


@pytest.mark.parametrize(
    ("columns", "settings", "kind", "resolved"),
    [
        (NAME, None, "name", {}),
        ({"last": "Last Name", **STREET}, None, "last name and street", {}),
        (STREET, {}, "street", {}),
        ({"npi": "NPI ID"}, {"NPI ID": "Healthlink ID"}, "NPI id", {"NPI_ID": "hl_npi_id"}),
        ({"npi": "NPI_ID"}, {"NPI_ID": "healthcare_id"}, "NPI id", {"NPI_ID": "healthcare_id"}),
        ({"voter": "LalVoterID"}, {"Voters_ID": "VOTERBASE_ID"}, "voter id", {"Voters_ID": "voterbase_id"}),
        ({"phone": "Phone"}, {"phone": "sha1"}, "phone", {"Phone": "SHA1"}),
        ({"email": "Email"}, {"Email": "Hashed (SHA256)"}, "email", {"Email": "SHA256"}),
        ({"full": "Full Address"}, None, "full address", {}),
        ({**NAME, "email": "Email"}, {"Email": "Raw"}, "email", {"Email": "Raw"}),
        ({"phone": "Phone", "email": "Email"}, {"Phone": "Raw"}, "phone", {"Phone": "Raw"}),
    ],
)
def test_each_kind_is_recognised(columns, settings, kind, resolved):
    mapping = resolve(columns, settings)
    assert mapping.kind.label == kind
    assert mapping.settings == resolved
    assert list(mapping.columns) == list(columns)


def test_fields_become_system_names():
    assert resolve(NAME).columns == {
        "first": "Voters_FirstName",
        "last": "Voters_LastName",
        "st": "Residence_Addresses_State",
        "zip": "Residence_Addresses_Zip",
    }


@pytest.mark.parametrize(
    ("columns", "settings", "words"),
    [
        ({}, None, ["columns is empty"]),
        (["email"], None, ["columns", "list"]),
        ({"email": 1}, None, ["columns"]),
        ({"emial": "Email"}, None, ["emial", "Did you mean 'email'"]),
        ({"email": "E-Mail"}, None, ["E-Mail", "Did you mean 'Email'"]),
        ({"email": "Email", "phone": "email"}, {"Email": "Raw"}, ["both", "email", "phone"]),
        ({"zip": "Zip"}, None, ["State", "NPI ID"]),
        ({"first": "First Name", "last": "Last Name", "st": "State"}, None, ["map Zip too"]),
        ({"email": "Email"}, None, ["column_settings", "SHA256"]),
        ({"email": "Email"}, {"Email": "SHA-256"}, ["SHA-256", "Did you mean 'SHA256'"]),
        ({"email": "Email"}, {"Email": "LalVoterID"}, ["LalVoterID"]),
        ({"email": "Email"}, {"Email": "Raw", "Phone": "Raw"}, ["Phone", "maps nothing"]),
        (NAME, {"State": "Raw"}, ["State", "not a field that takes a setting"]),
        ({"npi": "NPI_ID"}, {"NPI_ID": "voterbase_id"}, ["hl_npi_id"]),
    ],
)
def test_what_is_wrong_is_named(columns, settings, words):
    with pytest.raises(ColumnMappingError) as raised:
        resolve(columns, settings)
    for word in words:
        assert word in str(raised.value)


def test_a_key_column_must_hold_something():
    with pytest.raises(ColumnMappingError, match="'zip' is blank"):
        resolve(NAME, blank_columns={"zip"})
    assert resolve({**NAME, "street": "Address"}, blank_columns={"street"}).kind.label == "name"
