"""What a v3 account takes, and how what it lacks is told; each request is judged by IQM's OpenAPI file (conftest)."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.exceptions import (
    AudienceNameError,
    AudienceNotFoundError,
    AudienceOptionError,
    ColumnMappingError,
    IQMConnectionError,
    IQMFinalError,
    IQMRequestError,
)
from airflow_provider_iqm.hooks.iqm import IQMHook

EMAIL = {"columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
PERSON = "email,first,last,street,state,zip,npi,voter,phone\n"
PERSON += "frodo@shire.example,Frodo,Baggins,1 Bag End,NY,01234,1234567893,NY1,3456789012\n"


@pytest.fixture
def api_version():
    return "v3"


@pytest.fixture
def upload(sandbox, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(PERSON)

    def upload(name="List", **arguments):
        return IQMHook().upload_matched_audience(file_path=path, audience_name=name, **{**EMAIL, **arguments})

    return upload


KINDS = {
    "email": (EMAIL["columns"], {"Email": "SHA256"}),
    "phone": ({"phone": "Phone"}, {"Phone": "MD5"}),
    "voter id": ({"voter": "LalVoterID"}, {"Voters_ID": "LalVoterID"}),
    "NPI id": ({"npi": "NPI ID"}, {"NPI_ID": "hl_npi_id"}),
    "name": ({"first": "First Name", "last": "Last Name", "state": "State", "zip": "Zip"}, None),
    "street": ({"street": "Street Address", "state": "State", "zip": "Zip"}, None),
    "voter id with an email": ({"voter": "Voter ID", "email": "Email"}, {"Voters_ID": "i360_id"}),
}
SHAPES = [{}, {"column_list_shape": "tutorial", "details_shape": "tutorial"}, {"list_shape": "example", "id_seed": 7}]
SHAPES += [{"login_ow_id": False, "wrap_renewed_token": False, "wrap_created": False}]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_names_become_the_account_s_own_ids(sandbox, upload, kind, shape):
    sandbox.change_settings(processing_seconds=0, pending_seconds=0, **shape)
    sandbox.connect(**({} if shape.get("login_ow_id", True) else {"ow_id": sandbox.settings.ow_id}))
    columns, settings = KINDS[kind]
    audience_id = upload(columns=columns, column_settings=settings)
    hook = IQMHook()
    audience = hook.get_matched_audience(audience_id)
    assert (audience["name"], audience["status"], audience["records"]) == ("List", "Ready", 1)
    assert [found["id"] for found in hook.find_matched_audiences("List")] == [audience_id]
    (kept,) = sandbox.audiences
    assert kept.columns == columns or set(kept.columns) == set(columns)


def test_the_classic_connection_sees_the_same_audience(sandbox, upload):
    audience_id = upload()
    sandbox.connect(api_version="classic")
    assert IQMHook().get_matched_audience(audience_id)["name"] == "List"


@pytest.mark.parametrize(
    ("lacks", "arguments", "words"),
    [
        (["Email"], {}, ["Email", "It has", "Phone"]),
        (["SHA512"], {"column_settings": {"Email": "SHA512"}}, ["data format", "SHA512", "SHA256"]),
        (
            ["i360_id"],
            {"columns": {"voter": "Voter ID"}, "column_settings": {"Voters_ID": "i360_id"}},
            ["data partner", "i360_id", "L2 ID"],
        ),
    ],
)
def test_what_the_account_lacks_is_told_with_what_it_has(sandbox, upload, lacks, arguments, words):
    sandbox.change_settings(absent_names=lacks)
    with pytest.raises(ColumnMappingError) as raised:
        upload(**arguments)
    assert all(word in str(raised.value) for word in words)
    assert sandbox.audiences == []


def test_a_column_that_the_account_got_meanwhile_is_found(sandbox, tmp_path):
    sandbox.change_settings(absent_names=["Phone"])
    hook = IQMHook()
    assert "Phone" not in {column["name"] for column in hook.get_column_list()}
    sandbox.change_settings(absent_names=[])
    path = tmp_path / "people.csv"
    path.write_text(PERSON)
    assert hook.upload_matched_audience(
        file_path=path, audience_name="List", columns={"phone": "Phone"}, column_settings={"Phone": "Raw"}
    )


def test_static_lists_are_asked_for_once(sandbox, upload, tmp_path):
    path = tmp_path / "people.csv"
    hook = IQMHook()
    for name in ("One", "Two"):
        hook.upload_matched_audience(file_path=path, audience_name=name, **EMAIL)
    static = [request.path for request in sandbox.requests if "/static/" in request.path]
    assert len(static) == len(set(static)) == 3


def test_a_patient_list_needs_consent(sandbox, upload):
    npi = {"columns": {"npi": "NPI ID"}, "column_settings": {"NPI_ID": "hl_npi_id"}}
    with pytest.raises(AudienceOptionError, match="consent_given"):
        upload(audience_subtype="patient", **npi)
    assert sandbox.requests == []
    with pytest.raises(ColumnMappingError, match="audience_subtype 'elf'"):
        upload(audience_subtype="elf", **npi)
    assert upload(audience_subtype="HCP", **npi)


@pytest.mark.parametrize("option", [{"audience_subtype": "hcp"}, {"consent_given": False}, {"vertical_id": 1}])
def test_on_classic_the_arguments_of_v3_fail_before_a_request(sandbox, upload, option):
    sandbox.connect(api_version="classic")
    with pytest.raises(AudienceOptionError, match=next(iter(option))):
        upload(**option)
    assert sandbox.requests == []


def test_what_iqm_complains_of_is_told_with_the_argument(sandbox, upload):
    with pytest.raises(IQMRequestError, match=r"verticalId \(the argument vertical_id\)"):
        upload(vertical_id=99)


def test_a_name_that_is_too_long_costs_no_request(sandbox, upload):
    with pytest.raises(AudienceNameError, match="300"):
        upload(name="x" * 300)
    assert sandbox.requests == []


def test_an_unknown_version(sandbox):
    sandbox.connect(api_version="v4")
    with pytest.raises(IQMConnectionError, match="classic, v3"):
        IQMHook().get_column_list()


def test_rename_match_again_and_delete(sandbox, upload):
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)
    hook, audience_id = IQMHook(), upload()
    hook.rename_audience(audience_id, "Another name")
    assert hook.find_matched_audiences("List") == []
    assert hook.get_matched_audience(audience_id)["name"] == "Another name"
    hook.rematch_audience(audience_id)
    sandbox.change_settings(processing_seconds=3600)
    with pytest.raises(IQMRequestError, match="can't be rematched now"):
        hook.rematch_audience(audience_id)
    assert hook.delete_audiences(audience_id) == {"deleted": [audience_id], "failed": []}
    for gone in (hook.get_matched_audience, hook.rematch_audience, lambda item: hook.rename_audience(item, "x")):
        with pytest.raises(AudienceNotFoundError):
            gone(audience_id)


def test_a_deletion_that_deletes_nothing_is_an_error(sandbox):
    with pytest.raises(IQMFinalError, match="none of the audiences 8,9"):
        IQMHook().delete_audiences([8, 9])


def test_many_pages_are_read(sandbox, upload):
    ids = {upload(name=f"List {number}") for number in range(3)}
    assert {audience["id"] for audience in IQMHook().search_matched_audiences("list")} == ids


@pytest.mark.parametrize("call", ["rename", "rematch"])
def test_classic_can_neither_rename_nor_match_again(sandbox, call):
    sandbox.connect(api_version="classic")
    hook = IQMHook()
    with pytest.raises(AudienceOptionError, match="requires v3"):
        hook.rename_audience(7, "x") if call == "rename" else hook.rematch_audience(7)
