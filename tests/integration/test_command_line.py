"""The command line, against a local IQM."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser

import pytest
from airflow.cli import cli_parser

from airflow_provider_iqm.cli.commands import get_iqm_cli_commands
from airflow_provider_iqm.hooks.iqm import IQMHook


@pytest.fixture
def iqm(sandbox):
    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_iqm", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        # Airflow 2.11 logs to the standard output too.
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
    return json.loads(output.strip().splitlines()[-1])


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
