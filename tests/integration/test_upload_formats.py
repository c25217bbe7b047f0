"""The client and the sandbox read the files' rules independently; here they must agree on real uploads."""

from __future__ import annotations

import datetime
import hashlib

import openpyxl
import pytest

from airflow_provider_iqm.hooks.iqm import IQMHook

CSV = {
    "plain": (b"email,zip\na@b.example,01234\nc@d.example,01235\n", 2),
    "no final newline": (b"email,zip\na@b.example,01234\nc@d.example,01235", 2),
    "crlf": (b"email,zip\r\na@b.example,01234\r\n", 1),
    "cr": (b"email,zip\ra@b.example,01234\rc@d.example,01235\r", 2),
    "mixed": (b"email,zip\r\na@b.example,01234\nc@d.example,01235\r", 2),
    "bom": (b"\xef\xbb\xbfemail,zip\na@b.example,01234\n", 1),
    "blank lines": (b"email,zip\n\na@b.example,01234\n\n\nc@d.example,01235\n\n", 2),
    "quoted newlines": (b'email,zip\n"a@b.example","01\n234"\n"c\r\n@d",""\n', 2),
    "quoted quotes": ('email,zip\n"a ""b"", c",Zoë\n'.encode(), 1),
    "one column": (b'email\na@b.example\n""\n\nc@d.example\n', 3),
}


def upload(path):
    return IQMHook().upload_matched_audience(
        file_path=path, audience_name="List", columns={"email": "Email"}, column_settings={"email": "raw"}
    )


@pytest.mark.parametrize("case", CSV)
def test_a_csv_file_goes_out_as_it_is_with_its_exact_count(sandbox, tmp_path, case):
    content, records = CSV[case]
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    audience_id = upload(path)
    (audience,) = sandbox.audiences
    assert (audience.id, audience.records) == (audience_id, records)
    assert audience.sha256 == hashlib.sha256(content).hexdigest()


def test_a_workbook_goes_out_as_it_is_with_its_exact_count(sandbox, tmp_path):
    path = tmp_path / "list.xlsx"
    workbook = openpyxl.Workbook()
    workbook.active.append(["email", "zip", "born"])
    workbook.active.append(["a@b.example", "01234", datetime.date(1980, 2, 29)])
    workbook.active.append([None, None, None])
    workbook.active.append(["c@d.example", 98765, None])
    workbook.save(path)
    upload(path)
    (audience,) = sandbox.audiences
    assert audience.records == 2
    assert audience.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert audience.metadata["columnValues"]["zip"] == ["01234", "98765"]
    assert audience.metadata["columnValues"]["born"] == ["1980-02-29", ""]


def test_every_kind_of_mapping_is_accepted(sandbox, tmp_path):
    path = tmp_path / "list.csv"
    names = ["first", "last", "street", "city", "state", "zip", "full", "email", "phone", "voter", "npi"]
    path.write_text(",".join(names) + "\n" + ",".join(["x"] * len(names)) + "\n")
    place = {"state": "State", "zip": "Zip"}
    kinds = [
        ({"first": "First Name", "last": "Last Name", **place}, None),
        ({"last": "Last Name", "street": "Street Address", **place}, None),
        ({"street": "Address", "city": "City", **place}, None),
        ({"npi": "NPI ID", "last": "Last Name"}, {"NPI_ID": "hl_npi_id"}),
        ({"voter": "LalVoterID"}, {"Voter ID": "L2 ID"}),
        ({"phone": "Phone", "first": "First Name", "last": "Last Name", **place}, {"Phone": "SHA1"}),
        ({"email": "EMAIL"}, {"email": "sha256"}),
        ({"full": "Residence_FullAddress"}, None),
    ]
    for number, (columns, settings) in enumerate(kinds):
        IQMHook().upload_matched_audience(
            file_path=path, audience_name=f"List {number}", columns=columns, column_settings=settings
        )
    assert len(sandbox.audiences) == len(kinds)
    assert sandbox.audiences[4].column_settings == {"Voters_ID": "LalVoterID"}
