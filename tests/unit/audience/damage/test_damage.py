"""Each kind of damage, in a small file of its own; and what is none."""

from __future__ import annotations

import datetime

import openpyxl
import pytest

from airflow_provider_iqm.audience import list_reader
from airflow_provider_iqm.audience.damage import damage
from airflow_provider_iqm.audience.damage.damage import DamageKind
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, ColumnMappingError
from tests.unit.audience.inspection import inspect_file

PEOPLE = {"last": "Last Name", "street": "Address", "state": "State", "zip": "Zip"}

CASES = {
    "phones in scientific notation": (
        'phone\n4.41E+11\n"3,55123E+09"\n4e+11\n3455550100\n+13455550100\n12E+01\n',
        {"phone": "Phone"},
        {("scientific notation", "phone"): 3},
    ),
    "ids in scientific notation": (
        "id\n1.00E+12\n1E12\nE+12\n",
        {"id": "Voter ID"},
        {("scientific notation", "id"): 1},
    ),
    "NPIs in scientific notation": (
        "npi\n1.23E+09\n1234567893\n",
        {"npi": "NPI ID"},
        {("scientific notation", "npi"): 1},
    ),
    "zips without their zeros": (
        "last,street,state,zip\na,b,NY,501\na,b,MA,2134\n" + "a,b,NY,10001\n" * 3,
        PEOPLE,
        {("zip without its leading zeros", "zip"): 2},
    ),
    "four digits are the custom": (
        "last,street,state,zip\na,b,NY,10001\n" + "a,b,NY,2134\n" * 2,
        PEOPLE,
        {},
    ),
    "zips without their zeros, as decimal numbers": (
        "last,street,state,zip\na,b,NY,501.0\na,b,MA,2134.0\n" + "a,b,NY,10001.0\n" * 3,
        PEOPLE,
        {("zip without its leading zeros", "zip"): 2},
    ),
    "zips without their zeros, of which some are decimal numbers": (
        "last,street,state,zip\na,b,NY,501\na,b,MA,2134.0\n" + "a,b,NY,10001\na,b,NY,10001.0\n" * 2,
        PEOPLE,
        {("zip without its leading zeros", "zip"): 2},
    ),
    "numbers that are no zips, as decimal numbers": (
        "last,street,state,zip\na,b,NY,10001.0\n" + "a,b,NY,2134.0\n" * 2,
        PEOPLE,
        {},
    ),
    "short zips that are no numbers": ("last,street,state,zip\na,b,NY,10001\na,b,NY,10001\na,b,NY,n/a\n", PEOPLE, {}),
    "dates for ids": (
        "id\n1/2/2024\n01/02/24\n2024-01-02\n2024-01-02 00:00:00\n2-Jan\nJan-02\n2-Jan-24\n12-34\nA/B-1\n1-Foo\n",
        {"id": "Voter ID"},
        {("date instead of an id", "id"): 7},
    ),
    "dates elsewhere": ("email,born\na@b.example,1/2/2024\n", {"email": "Email", "born": "Age"}, {}),
    "mojibake": (
        "email,name\na@b.example,ZoÃ« JosÃ© OâBrien\nc@d.example,PÃ\xado\n".replace("â", "â€™"),
        {"email": "Email"},
        {("text decoded in the wrong encoding", ""): 4},
    ),
    "replacement characters": (
        "email,name\na@b.example,Zo\ufffd\n",
        {"email": "Email"},
        {("text decoded in the wrong encoding", ""): 1},
    ),
    "text that only looks odd": ("email,name\na@b.example,SÃO JOÃO Âmbar € ƒ 東京 Ярославль\n", {"email": "Email"}, {}),
    "a header that is data": (
        "email,frodo@shire.example,(345) 555-0100,01234," + "a1" * 32 + "\n1,2,3,4,5\n",
        {"email": "Email"},
        {("header that is data", ""): 4},
    ),
    "a header of names": ("email,zip5,phone 1,2024,e-mail@home\n1,2,3,4,5\n", {"email": "Email"}, {}),
}
SETTINGS = {"Phone": {"Phone": "Raw"}, "Voter ID": {"Voters_ID": "Other"}, "NPI ID": {"NPI_ID": "hl_npi_id"}}


def settings_for(columns):
    return SETTINGS.get(next(iter(columns.values())), {"Email": "Raw"} if "Email" in columns.values() else None)


@pytest.fixture
def found(make_file):
    """Prepare a text, and give what damage was counted: (kind, column) → count."""

    def run(content, columns, name="list.csv", **options):
        path = make_file(content, name=name) if content is not None else name
        with prepare_upload(
            file_path=path, audience_name="List", columns=columns, column_settings=settings_for(columns), **options
        ) as upload:
            return {(found.kind, found.column): found.count for found in upload.file.damage}, upload

    return run


@pytest.mark.parametrize("case", CASES)
def test_damage_is_counted(found, case):
    content, columns, expected = CASES[case]
    assert found(content, columns)[0] == expected


@pytest.mark.parametrize("case", CASES)
def test_damage_is_counted_in_large_files_too(found, monkeypatch, case):
    monkeypatch.setattr(list_reader, "SMALL_FILE_BYTES", 0)
    # In the exact reading's place, nothing: DuckDB must have read it.
    monkeypatch.setattr(list_reader, "read_exactly", None)
    content, columns, expected = CASES[case]
    assert found(content, columns)[0] == expected


# Of the others, cleaning would leave no record.
@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith(("NPIs", "a header"))])
@pytest.mark.parametrize("odd", ["", "\n"])
def test_damage_is_counted_in_cleaned_lists(found, case, odd):
    content, columns, expected = CASES[case]
    # A blank line is for the exact reading, and the damage is then counted in its copy.
    damage, upload = found(content + odd, columns, drop_duplicates=True, max_invalid_ratio=1)
    assert damage == expected
    reported = upload.report.counts().get("damage", {})
    assert list(reported.values()) == list(expected.values())
    assert all(label in str(upload.report) for label in reported)


def test_damage_is_counted_in_workbooks(found, tmp_path):
    workbook = openpyxl.Workbook()
    for row in (
        ["id", "name"],
        [datetime.datetime(2024, 1, 2), "ZoÃ«"],
        ["4.41E+11", "Zo\ufffd"],
        [4.41e11, "x"],
    ):
        workbook.active.append(row)
    workbook.save(tmp_path / "list.xlsx")
    assert found(None, {"id": "Voter ID"}, tmp_path / "list.xlsx")[0] == {
        ("date instead of an id", "id"): 1,
        ("scientific notation", "id"): 1,
        ("text decoded in the wrong encoding", ""): 2,
    }


def test_late_damage_in_a_large_file_is_counted(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("phone,zip\n" + "3455550100,10001\n" * 150_000 + "4.41E+11,501\n" * 5)
    mapped = {"phone": "Phone", "zip": "Residence_Addresses_Zip"}
    assert {found.label: found.count for found in inspect_file(path, mapped=mapped).damage} == {
        "scientific notation (phone)": 5,
        "zip without its leading zeros (zip)": 5,
    }


@pytest.mark.parametrize("kind", list(DamageKind))
@pytest.mark.parametrize("count", [1, 12345])
def test_warnings_have_the_count_the_column_and_advice(kind, count):
    warning = str(damage.Damage(kind, count, "my column"))
    assert warning.startswith("12,345 " if count > 1 else "1 ")
    assert ("s " in warning.split(maxsplit=2)[1] + " ") == (count > 1)
    if kind not in (DamageKind.GARBLED, DamageKind.HEADER):
        assert "'my column'" in warning


@pytest.mark.parametrize(
    "content", ["frodo@shire.example,NY\nsam@shire.example,NY\n", "frodo@shire.example,NY,NY\n1,2,3\n"]
)
def test_headers_that_look_like_data_are_never_shown(make_file, content):
    with pytest.raises((ColumnMappingError, AudienceFileError)) as caught:
        prepare_upload(
            file_path=make_file(content),
            audience_name="x",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
        )
    assert "shire" not in str(caught.value)
    assert "NY" not in str(caught.value)
