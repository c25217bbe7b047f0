"""The commands with a mocked hook; tests/integration/test_command_line.py runs them as subprocesses."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from unittest.mock import MagicMock

import pytest
from sqlalchemy.exc import OperationalError

from airflow_provider_iqm.cli import actions, cli_hook
from airflow_provider_iqm.cli.cli_hook import CliHook
from airflow_provider_iqm.cli.commands import COMMANDS, get_iqm_cli_commands
from airflow_provider_iqm.cli.lazy_command import lazy_command
from airflow_provider_iqm.cli.logs_on_stderr import logs_on_stderr
from airflow_provider_iqm.exceptions import AudienceNotFoundError, IQMAuthenticationError, IQMConnectionError

AUDIENCE = {
    "id": 7,
    "name": "Customers",
    "status": "Ready",
    "match_rate": 57.9,
    "uniques": 5,
    "records": 9,
    "reason": None,
    "data_cost": None,
}


@pytest.fixture
def hook(monkeypatch):
    hook = MagicMock()
    monkeypatch.setattr(actions, "CliHook", MagicMock(return_value=hook))
    return hook


def test_every_command_has_a_function():
    assert [group.name for group in get_iqm_cli_commands()] == ["iqm"]
    assert all(callable(getattr(actions, command.name)) for command in COMMANDS)


def test_check_prints_the_result(hook, capsys):
    hook.test_connection.return_value = True, "Logged in."
    actions.check(Namespace(conn_id="iqm_default"))
    assert capsys.readouterr().out == "Logged in.\n"


def test_check_prints_errors_to_stderr(hook, capsys):
    hook.test_connection.return_value = False, "Wrong password."
    with pytest.raises(SystemExit) as caught:
        actions.check(Namespace(conn_id="iqm_default"))
    assert caught.value.code == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Wrong password.\n")


def test_columns_show_the_list_of_each_entry(hook, capsys):
    hook.get_column_list.return_value = [{"id": 1, "name": "Email"}]
    hook.get_data_partners.return_value = [{"id": 2, "name": "L2"}]
    hook.get_data_formats.return_value = []
    actions.columns(Namespace(conn_id="iqm_default", output="json"))
    assert json.loads(capsys.readouterr().out) == [
        {"list": "column", "id": 1, "name": "Email"},
        {"list": "data partner", "id": 2, "name": "L2"},
    ]


def test_status_requests_each_audience(hook, capsys):
    hook.get_matched_audience.side_effect = lambda audience_id: AUDIENCE | {"id": audience_id}
    actions.status(Namespace(conn_id="iqm_default", audience_ids=[7, 8], output="json"))
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [7, 8]


def test_audiences_requests_match_rates_of_the_newest_only(hook, capsys):
    lacking = [AUDIENCE | {"id": number, "match_rate": None} for number in range(actions.MAX_DETAILS + 3)]
    pending = AUDIENCE | {"id": 99, "status": "Pending", "match_rate": None}
    hook.search_matched_audiences.return_value = [*lacking, pending]

    def details(audience_id):
        if audience_id == lacking[-1]["id"]:
            raise AudienceNotFoundError("deleted since", status=404)
        return AUDIENCE | {"id": audience_id}

    hook.get_matched_audience.side_effect = details
    actions.audiences(Namespace(conn_id="iqm_default", name="", status=None, output="json"))
    out, err = capsys.readouterr()
    rates = {row["id"]: row["match_rate"] for row in json.loads(out)}
    assert hook.get_matched_audience.call_count == actions.MAX_DETAILS
    assert [number for number, rate in rates.items() if rate is not None] == list(range(3, actions.MAX_DETAILS + 2))
    assert "other 3" in err


def test_audiences_can_be_filtered_by_status(hook, capsys):
    hook.search_matched_audiences.return_value = [AUDIENCE, AUDIENCE | {"id": 8, "status": "Pending"}]
    actions.audiences(Namespace(conn_id="iqm_default", name="Cust", status="Pending", output="json"))
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [8]
    hook.search_matched_audiences.assert_called_once_with("Cust")


def test_validate_reads_no_file_if_the_connection_is_invalid(monkeypatch, iqm_connection):
    iqm_connection(host="ftp://api.iqm.com")
    monkeypatch.setattr(actions, "dry_run", lambda *_, **__: pytest.fail("the file was read"))
    with pytest.raises(IQMConnectionError):
        actions.validate(Namespace(conn_id="iqm_default"))


@pytest.mark.parametrize("status", [1, 2])
def test_validate_exits_with_the_dry_run_s_status(monkeypatch, status):
    monkeypatch.setattr(actions, "dry_run", lambda *_, **__: status)
    with pytest.raises(SystemExit) as caught:
        actions.validate(Namespace(conn_id=None))
    assert caught.value.code == status


def test_an_error_is_one_line(monkeypatch):
    def fail(arguments):
        raise IQMAuthenticationError("The password is wrong.", status=401)

    monkeypatch.setitem(os.environ, "_AIRFLOW_PROCESS_CONTEXT", "")
    monkeypatch.setattr(actions, "check", fail)
    with pytest.raises(SystemExit) as caught:
        lazy_command("check")(Namespace())
    assert caught.value.code == "IQMAuthenticationError: The password is wrong."
    # Only a server's process finds the connections in Airflow's database.
    assert os.environ["_AIRFLOW_PROCESS_CONTEXT"] == "server"


def test_logs_go_to_stderr(capfd):
    print("before")
    stdout = sys.stdout
    with logs_on_stderr():
        print("a log of 2.11's")
        os.write(1, b"a log of 3.x's\n")
    print("after", file=stdout)
    sys.stdout.flush()
    out, err = capfd.readouterr()
    assert out == "before\nafter\n"
    assert "a log of 2.11's" in err
    assert "a log of 3.x's" in err


def test_stdout_is_restored_after_an_error(capfd):
    with pytest.raises(ZeroDivisionError), logs_on_stderr():
        _ = 1 / 0
    print("after", flush=True)
    assert capfd.readouterr().out == "after\n"


def test_the_error_for_a_missing_connection_says_how_to_add_it(monkeypatch):
    monkeypatch.setattr(cli_hook, "_database_problem", lambda conn_id: "")
    with pytest.raises(IQMConnectionError, match="airflow connections add missing"):
        CliHook.get_connection("missing")


def test_the_error_for_a_missing_connection_names_a_broken_database(monkeypatch):
    broken = MagicMock(side_effect=OperationalError("SELECT", {}, Exception()))
    monkeypatch.setattr("airflow.secrets.metastore.MetastoreBackend.get_connection", broken)
    with pytest.raises(IQMConnectionError, match=r"can't be read \(OperationalError\)\. Run: airflow db check"):
        CliHook.get_connection("missing")


@pytest.mark.parametrize(("seconds", "terminal"), [(0.5, True), (60, False)])
def test_short_waits_and_other_outputs_show_no_progress_bar(monkeypatch, waits, seconds, terminal, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    CliHook()._sleep(seconds)
    assert waits == [seconds]
    assert capsys.readouterr().err == ""
