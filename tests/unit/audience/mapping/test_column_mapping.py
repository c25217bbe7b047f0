from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.mapping.column_mapping import resolve_mapping
from airflow_provider_iqm.exceptions import ColumnMappingError
from airflow_provider_iqm.vocabulary import FIELD_LABELS, MAPPING_KINDS, Field

NAME = {"f": "First Name", "l": "Last Name", "s": "State", "z": "Zip"}


def resolve(columns, settings=None, *, file_columns=None, **options):
    return resolve_mapping(columns, settings, file_columns=file_columns, **options)


def refuse(columns, settings=None, **options) -> str:
    with pytest.raises(ColumnMappingError) as caught:
        resolve(columns, settings, **options)
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("columns", "settings", "kind", "keys"),
    [
        ({"n": "NPI_ID"}, {"NPI_ID": "hl_npi_id"}, "NPI id", ("n",)),
        ({"v": "Voters_ID"}, {"Voters_ID": "voterbase_id"}, "voter id", ("v",)),
        ({"p": "Phone"}, {"Phone": "SHA1"}, "phone", ("p",)),
        ({"e": "Email"}, {"Email": "SHA256"}, "email", ("e",)),
        ({"a": "Residence_FullAddress"}, {}, "full address", ("a",)),
        (NAME, {}, "name", ("f", "l", "s", "z")),
        (
            {"z": "Zip", "l": "Last Name", "s": "State", "a": "Address"},
            None,
            "last name and street",
            ("l", "a", "s", "z"),
        ),
        ({"a": "Street Address", "z": "Zip", "s": "State"}, None, "street", ("a", "s", "z")),
    ],
)
def test_the_eight_kinds(columns, settings, kind, keys):
    mapping = resolve(columns, settings)
    assert mapping.kind.label == kind
    assert mapping.key_columns == keys
    assert mapping.settings == (settings or {})


def test_a_field_has_many_names():
    for field, labels in FIELD_LABELS.items():
        for name in (field.value, *labels):
            for spelled in (name, name.lower(), name.upper(), f" {name} "):
                mapping = resolve(
                    {"e": "Full Address", "x": spelled} if field != Field.FULL_ADDRESS else {"x": spelled}
                )
                assert mapping.columns["x"] == field.value


def test_columns_keep_their_order_and_are_plain_text():
    mapping = resolve({"z": "zip", "a": "Street Address", "s": "state"})
    assert list(mapping.columns.items()) == [
        ("z", "Residence_Addresses_Zip"),
        ("a", "Residence_Addresses_AddressLine"),
        ("s", "Residence_Addresses_State"),
    ]
    assert all(type(value) is str for value in mapping.columns.values())


def test_a_single_column_wins_over_several():
    mapping = resolve(NAME | {"e": "Email"}, {"Email": "Raw"})
    assert mapping.kind.label == "email"
    assert mapping.key_columns == ("e",)


@pytest.mark.parametrize("order", [("Phone", "Email"), ("Email", "Phone")])
def test_the_first_single_column_is_the_key(order):
    mapping = resolve({name: name for name in order}, {"Phone": "Raw", "Email": "Raw"})
    assert mapping.key_columns == (order[0],)


def test_another_field_may_have_a_setting_or_none():
    columns = {"p": "Phone", "e": "Email"}
    assert resolve(columns, {"Phone": "Raw"}).settings == {"Phone": "Raw"}
    assert resolve(columns, {"Phone": "Raw", "Email": "MD5"}).settings == {"Phone": "Raw", "Email": "MD5"}


def test_the_name_wins_over_the_street():
    assert resolve(NAME | {"a": "Address"}).kind.label == "name"


@pytest.mark.parametrize(
    ("columns", "given", "settings"),
    [
        ({"e": "Email"}, {"email": "sha256"}, {"Email": "SHA256"}),
        ({"e": "Email"}, {"Email": "Hashed (sha256)"}, {"Email": "SHA256"}),
        ({"v": "Voter ID"}, {"Voter ID": "TargetSmart ID"}, {"Voters_ID": "voterbase_id"}),
        ({"v": "LalVoterID"}, {"LalVoterID": "lalvoterid"}, {"Voters_ID": "LalVoterID"}),
        ({"n": "NPI ID"}, {"NPI ID": "HEALTHCARE_ID"}, {"NPI_ID": "healthcare_id"}),
    ],
)
def test_settings_are_spelled_as_iqm_does(columns, given, settings):
    mapping = resolve(columns, given)
    assert mapping.settings == settings
    assert all(type(value) is str for value in mapping.settings.values())


def test_names_a_missing_column_and_the_nearest():
    message = refuse({"e-mial": "Email"}, {"Email": "Raw"}, file_columns=["name", "E-Mail"])
    assert "columns maps 'e-mial', but the file has no such column." in message
    assert "Did you mean 'E-Mail'?" in message
    assert "Columns in the file: 'name', 'E-Mail'." in message


def test_does_not_list_a_hundred_columns():
    message = refuse({"x": "Email"}, {"Email": "Raw"}, file_columns=[f"column{i}" for i in range(100)])
    assert "column57" not in message


def test_without_a_file_no_column_is_missing():
    assert resolve({"x": "Full Address"}, file_columns=None).key_columns == ("x",)


def test_names_an_unknown_field_and_the_nearest():
    message = refuse({"e": "Emial"})
    assert "columns maps 'e' to 'Emial', which is not an IQM field." in message
    assert "Did you mean 'Email'?" in message
    assert "First Name, Last Name" in message


def test_refuses_a_field_twice():
    message = refuse({"a": "Email", "b": "email"})
    assert "both 'a' and 'b' to Email (Email)" in message


def test_refuses_no_mapping():
    assert "columns is empty" in refuse({})


def test_says_what_the_nearest_kind_lacks():
    message = refuse({"f": "First Name", "l": "Last Name", "s": "State"})
    assert "To match by name, also map Zip." in message
    for kind in MAPPING_KINDS:
        assert f"{kind.label} (" in message


def test_says_nothing_of_a_nearest_kind_where_none_is_near():
    message = refuse({"a": "Age"})
    assert "To match by" not in message
    assert "full address (Full Address)" in message


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"x": "Email"}, 'column_settings={"Email": "…"} to one of: Raw, MD5, SHA1, SHA256, SHA512, Other'),
        ({"x": "Phone"}, 'column_settings={"Phone": "…"} to one of: Raw'),
        ({"x": "Voter ID"}, 'column_settings={"Voters_ID": "…"} to one of: Voters_StateVoterID, LalVoterID'),
        ({"x": "NPI ID"}, 'column_settings={"NPI_ID": "…"} to one of: hl_npi_id, healthcare_id'),
    ],
)
@pytest.mark.parametrize("settings", [None, {}])
def test_asks_for_the_keys_setting(columns, advice, settings):
    message = refuse(columns, settings)
    assert advice in message
    assert "the column 'x'" in message


def test_the_keys_setting_is_needed_though_another_is_given():
    assert '"Phone"' in refuse({"p": "Phone", "e": "Email"}, {"Email": "Raw"})


def test_refuses_an_unknown_setting():
    message = refuse({"e": "Email"}, {"Email": "SHA-256"})
    assert "sets 'Email' to 'SHA-256', which is not a setting of that field. Did you mean 'SHA256'?" in message
    assert "Raw, MD5, SHA1, SHA256, SHA512, Other" in message


def test_refuses_a_setting_of_another_field():
    assert "sets 'Email' to 'LalVoterID'" in refuse({"e": "Email"}, {"Email": "LalVoterID"})


def test_refuses_a_setting_for_what_is_not_mapped():
    assert "but no column is mapped to it" in refuse({"e": "Email"}, {"Email": "Raw", "Phone": "Raw"})


@pytest.mark.parametrize("name", ["Zip", "Emails", "e"])
def test_refuses_a_setting_for_what_takes_none(name):
    message = refuse({"e": "Email", "z": "Zip"}, {"Email": "Raw", name: "Raw"})
    assert f"column_settings has {name!r}, which is not a field with a setting." in message


def test_refuses_a_setting_twice():
    assert "twice" in refuse({"e": "Voter ID"}, {"Voter ID": "LalVoterID", "Voters_ID": "LalVoterID"})


def test_refuses_a_key_that_is_blank_throughout():
    message = refuse(NAME, blank_columns=frozenset({"z"}))
    assert "The column 'z' is blank in every record, but matching by name needs it." in message


def test_an_optional_column_may_be_blank():
    assert resolve(NAME | {"c": "City"}, blank_columns={"c"}).key_columns == ("f", "l", "s", "z")


@pytest.mark.parametrize(
    ("columns", "settings", "says"),
    [
        ("Email", None, "columns must be a mapping"),
        (["Email"], None, "not list"),
        (None, None, "not NoneType"),
        ({"e": 1}, None, "columns must map strings to strings"),
        ({1: "Email"}, None, "columns must map strings to strings"),
        ({"e": "Email"}, "SHA256", "column_settings must be a mapping"),
        ({"e": "Email"}, {"Email": None}, "column_settings must map strings to strings"),
    ],
)
def test_refuses_other_types(columns, settings, says):
    assert says in refuse(columns, settings)
