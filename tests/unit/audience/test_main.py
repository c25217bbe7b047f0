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
def test_tells_what_would_be_sent(run, columns):
    status, out, _ = run("--columns", columns, "--hash", "email=SHA256")
    assert status == 0
    assert '"Email": "SHA256"' in out
    assert "Matched by: email" in out
    assert "records kept" in out


def test_an_upload_that_would_fail_is_status_1(run):
    status, _, err = run("--columns", "emial=Email", "--column-settings", "Email=Raw")
    assert status == 1
    assert "Did you mean 'email'" in err


@pytest.mark.parametrize(
    "options", [[], ["--columns", "email"], ["--columns", "email=Email", "--max-invalid-ratio", "5"]]
)
def test_wrong_usage_is_status_2(run, options):
    assert run(*options)[0] == 2


def test_proposes_a_mapping(run):
    status, out, _ = run("--suggest")
    assert status == 0
    mapping = {
        "email": "Email",
        "fname": "Voters_FirstName",
        "Zip5": "Residence_Addresses_Zip",
        "LALVOTERID": "Voters_ID",
    }
    assert json.loads(out.splitlines()[0]) == mapping
    assert "Matched by: voter id" in out
    assert "Not placed: shoe" in out
