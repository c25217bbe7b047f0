from __future__ import annotations

import json
import subprocess
import sys

import pytest

FILE = "email,fname,Zip5,LALVOTERID,shoe\nfrodo@shire.example,Frodo,01234,L1,40\n"


@pytest.fixture
def run(make_file):
    def run_command(*options, content=FILE):
        command = [sys.executable, "-m", "airflow_provider_iqm.audience", str(make_file(content)), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "frodo" not in done.stdout.lower() + done.stderr.lower()
        return done.returncode, done.stdout, done.stderr

    return run_command


@pytest.mark.parametrize("columns", ["email=Email,Zip5=Zip", '{"email": "Email", "Zip5": "Zip"}'])
def test_prints_what_would_be_sent(run, columns):
    status, out, _ = run("--columns", columns, "--hash", "email=SHA256")
    assert status == 0
    assert '"Email": "SHA256"' in out
    assert "Matched by: email" in out
    assert "records kept" in out


def test_repairs_are_counted(run):
    content = (
        "email,zip\nFrodo <frodo@shire.example>,01234.0\nmailto:frodo@shire.example,01234-\nfrodo@shire.example,01234\n"
    )
    columns = ("--columns", "email=Email,zip=Zip", "--column-settings", "Email=Raw")
    status, out, _ = run(*columns, "--normalize", content=content)
    assert status == 0
    repaired = [line.split() for line in out.splitlines() if "repaired:" in line]
    assert repaired == [
        ["repaired:", "decimal", ".0", "removed", "(zip)", "1"],
        ["repaired:", "display", "name", "removed", "(email)", "1"],
        ["repaired:", "prefix", "removed", "(email)", "1"],
        ["repaired:", "punctuation", "removed", "(zip)", "1"],
    ]
    assert "repaired:" not in run(*columns, content=content)[1]


def test_failures_are_status_1(run):
    status, _, err = run("--columns", "emial=Email", "--column-settings", "Email=Raw")
    assert status == 1
    assert "Did you mean 'email'" in err


def test_damage_is_printed_before_the_error(run):
    zips = "email,zip\n" + "frodo@shire.example,01234\n" * 5 + "frodo@shire.example,501\n" * 3
    status, out, err = run("--columns", "email=Email,zip=Zip", "--hash", "email=SHA256", content=zips)
    assert status == 1
    assert "Warning:    list.csv has 3 values with 3 or 4 digits in column 'zip'" in out
    assert "more than max_invalid_ratio" in err


@pytest.mark.parametrize(
    "options", [[], ["--columns", "email"], ["--columns", "email=Email", "--max-invalid-ratio", "5"]]
)
def test_usage_errors_are_status_2(run, options):
    assert run(*options)[0] == 2


def test_suggests_a_mapping(run):
    status, out, _ = run("--suggest")
    assert status == 0
    mapping = {
        "email": "Email",
        "fname": "Voters_FirstName",
        "Zip5": "Residence_Addresses_Zip",
        "LALVOTERID": "Voters_ID",
    }
    assert json.loads(out.splitlines()[0]) == mapping
    assert "Matched by: email" in out
    assert "Not mapped: 'shoe'" in out


def test_other_formats(run):
    semicolons = FILE.replace(",", ";")
    status, out, _ = run("--suggest", content=semicolons)
    assert status == 0
    assert json.loads(out.splitlines()[0])["email"] == "Email"
    status, out, _ = run("--columns", "email=Email", "--column-settings", "Email=Raw", content=semicolons)
    assert status == 0
    assert "Records:    1" in out
    status, _, err = run("--columns", "email=Email", "--column-settings", "Email=Raw", "--encoding", "klingon")
    assert status == 2
    assert "klingon" in err


@pytest.mark.parametrize(
    ("header", "columns", "settings", "kind"),
    [
        ("email_sha256,zip", {"email_sha256": "Email", "zip": "Residence_Addresses_Zip"}, {"Email": "SHA256"}, "email"),
        ("E-Mail MD5 hash", {"E-Mail MD5 hash": "Email"}, {"Email": "MD5"}, "email"),
        ("Mobile Phone", {"Mobile Phone": "Phone"}, {"Phone": "Raw"}, "phone"),
        (
            "phone,mobile",
            {"phone": "Phone", "mobile": "VoterTelephones_CellphoneUnformatted"},
            {"Phone": "Raw"},
            "phone",
        ),
        ("voterbase_id,email", {"voterbase_id": "Voters_ID", "email": "Email"}, None, "voter id"),
        ("LALVOTERID", {"LALVOTERID": "Voters_ID"}, {"Voters_ID": "LalVoterID"}, "voter id"),
        ("NPI", {"NPI": "NPI_ID"}, {}, "NPI id"),
        ("shoe", {}, {}, "nothing (map more columns)"),
    ],
)
def test_suggestions(run, header, columns, settings, kind):
    status, out, _ = run("--suggest", content=f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    lines = out.splitlines()
    assert status == 0
    assert json.loads(lines[0]) == columns
    if settings is not None:
        assert json.loads(lines[1]) == settings
    assert lines[2] == f"Matched by: {kind}"


def test_suppressed_records_are_counted(run, tmp_path):
    optouts = tmp_path / "optouts.csv"
    optouts.write_text("email\nFRODO@shire.example\nfrodo\n")
    content = "email\nsam@shire.example\nfrodo@shire.example\n"
    arguments = ["--columns", "email=Email", "--column-settings", "Email=Raw", "--suppress", str(optouts)]
    status, out, _ = run(*arguments, content=content)
    assert status == 0
    assert "Records:    1\n" in out
    assert "Suppressed: 1 record by 'email'; optouts.csv has 2 records\n" in out
    assert "Warning:    optouts.csv: 1 malformed value in 'email' can't suppress anyone\n" in out
    assert ["suppressed", "1"] in [line.split() for line in out.splitlines()]
    status, _, err = run(*arguments[:-1], str(tmp_path / "missing.csv"))
    assert status == 1
    assert "The upload would fail: suppression_path: missing.csv: there is no file" in err
