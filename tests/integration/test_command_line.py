"""The command line, against a local IQM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser

import pytest
import requests
from airflow.cli import cli_parser

from airflow_provider_iqm.cli.commands import get_iqm_cli_commands
from airflow_provider_iqm.hooks.iqm import IQMHook
from tests.terminal import run_at_terminal


@pytest.fixture
def iqm(sandbox):
    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_iqm", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


@pytest.fixture
def audience_id(sandbox, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    return IQMHook().upload_matched_audience(
        file_path=path, audience_name="Night [1]", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    )


def json_of(output):
    return json.loads(output)


def test_check_logs_in(iqm):
    assert "Logged in to workspace" in iqm("check")


def test_check_says_what_is_wrong(iqm, sandbox):
    sandbox.change_settings(on_hold=True)
    assert "On Hold" in iqm("check", code=1)
    assert "other" in iqm("check", "--conn-id", "other", code=1)


def test_columns_lists_what_mappings_can_be_made_of(iqm):
    rows = json_of(iqm("columns", "--output", "json"))
    named = {(row["list"], row["name"]) for row in rows}
    assert named >= {("column", "Voters_FirstName"), ("data partner", "i360_id"), ("data format", "SHA256")}
    assert "Voters_FirstName" in iqm("columns")


def test_status_and_audiences_tell_of_audiences(iqm, audience_id):
    (row,) = json_of(iqm("status", str(audience_id), "-o", "json"))
    assert (row["id"], row["name"], row["records"]) == (audience_id, "Night [1]", 1)
    assert str(audience_id) in iqm("status", str(audience_id))
    (row,) = json_of(iqm("audiences", "--name", "night", "-o", "json"))
    assert row["id"] == audience_id
    assert json_of(iqm("audiences", "--name", "day", "-o", "json")) == []


def test_audiences_are_filtered_by_their_status(iqm, sandbox, audience_id):
    sandbox.advance(60)
    assert [row["id"] for row in json_of(iqm("audiences", "--status", "ready", "-o", "json"))] == [audience_id]
    assert json_of(iqm("audiences", "--status", "Rejected", "-o", "json")) == []
    assert "'Rejected'" in iqm("audiences", "--status", "redy", code=2)


@pytest.mark.parametrize("version", ["classic", "v3"])
def test_ready_audiences_are_listed_with_what_status_says_of_them(iqm, sandbox, audience_id, version):
    sandbox.connect(api_version=version)
    sandbox.advance(60)
    listed = json_of(iqm("audiences", "-o", "json"))
    assert listed == json_of(iqm("status", str(audience_id), "-o", "json"))
    assert listed[0]["match_rate"] > 0
    assert listed[0]["records"] == 1


def test_no_more_match_rates_are_read_than_the_rate_limit_allows(sandbox):
    requests.post(f"{sandbox.url}/_sandbox/audiences", json={"name": "Old", "count": 13}, timeout=30).raise_for_status()
    sandbox.advance(60)
    command = [sys.executable, "-m", "airflow_provider_iqm", "audiences", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    known = [row["id"] for row in json_of(done.stdout) if row["match_rate"] is not None]
    newest = sorted(audience.id for audience in sandbox.audiences)[-10:]
    assert sorted(known) == newest
    assert "For the other 3" in done.stderr
    # The login, the list, and one for each.
    assert len(sandbox.requests) == 12


def test_what_is_logged_stays_out_of_the_answer(iqm, sandbox, audience_id):
    sandbox.add_fault(kind="status", path="/api/v2/audience/list", status=503)
    assert json_of(iqm("audiences", "-o", "json"))[0]["id"] == audience_id


def test_a_person_at_a_terminal_sees_what_is_waited_for(sandbox):
    # A wait is interrupted every quarter of the window, and shorter pieces than a second show no bar.
    sandbox.connect(requests_per_minute=1, rate_limit_window=6)
    command = [sys.executable, "-m", "airflow_provider_iqm", "audiences"]
    status, shown = run_at_terminal(command)
    assert status == 0
    assert "Waiting to send the next request" in shown
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Waiting to send the next request" not in done.stdout + done.stderr


@pytest.fixture
def list_file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email,npi\nfrodo@shire.example,1234567893\n")
    return str(path)


def test_validate_needs_no_connection(iqm, list_file, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_IQM_DEFAULT")
    told = iqm("validate", list_file, "--columns", "email=Email", "--hash", "email=SHA256")
    assert "Matched by: email" in told
    assert '"Email": "SHA256"' in told
    assert "Account" not in told
    assert '{"email": "Email"' in iqm("validate", list_file, "--suggest")
    failed = iqm("validate", list_file, "--columns", "emial=Email", "--column-settings", "Email=Raw", code=1)
    assert "Did you mean 'email'" in failed
    assert "--suggest" in iqm("validate", list_file, code=2)


def test_validate_asks_a_v3_account_whether_it_takes_the_mapping(iqm, sandbox, list_file):
    mapped = ["validate", list_file, "--columns", "npi=NPI ID", "--column-settings", "NPI_ID=hl_npi_id"]
    assert "mapping not checked (requires API v3)" in iqm(*mapped, "--conn-id", "iqm_default")
    sandbox.connect(api_version="v3")
    assert "Account:    mapping is valid" in iqm(*mapped, "--conn-id", "iqm_default")
    sandbox.change_settings(absent_names=["NPI_ID"])
    assert "ask IQM to add the missing one" in iqm(*mapped, "--conn-id", "iqm_default", code=1)
    assert sandbox.audiences == []
    assert "other" in iqm(*mapped, "--conn-id", "other", code=1)


@pytest.mark.parametrize("wrong", [{"password": "wr0ng"}, {"host": "http://127.0.0.1:9"}, {"login": ""}])
def test_a_connection_that_is_wrong_is_told_in_a_line(iqm, monkeypatch, wrong):
    connection = json.loads(os.environ["AIRFLOW_CONN_IQM_DEFAULT"]) | wrong
    monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(connection))
    last = iqm("status", "7", code=1).strip().splitlines()[-1]
    assert last.startswith("IQM")
    assert "onnection" in last
    assert connection["password"] not in last


def test_an_unknown_audience_is_told_in_a_line(iqm):
    message = iqm("status", "99", code=1).strip().splitlines()[-1]
    assert message.startswith("AudienceNotFoundError")


def test_airflow_s_own_command_line_takes_the_commands():
    (group,) = get_iqm_cli_commands()
    parser = ArgumentParser()
    cli_parser._add_command(parser.add_subparsers(), group)
    given = parser.parse_args(["iqm", "status", "7", "8", "--output", "json"])
    assert (given.audience_ids, given.output, given.conn_id) == ([7, 8], "json", "iqm_default")


def test_help_is_quick_to_import():
    code = "import sys, airflow_provider_iqm.cli.commands; print('airflow_provider_iqm.hooks.iqm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
