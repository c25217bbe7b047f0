"""Where the command line finds a connection: Airflow's database, the environment, secrets backends."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import airflow
import pytest

from airflow_provider_iqm.hooks.iqm import IQMHook

AIRFLOW_2 = airflow.__version__.startswith("2.")
BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


def run(*command):
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)


def check_id(connection_id="iqm_default"):
    """Return what ``check`` prints for a connection."""
    done = run("airflow_provider_iqm", "check", "--conn-id", connection_id)
    return done.stdout + done.stderr


@pytest.fixture
def environment(sandbox, monkeypatch):
    """The sandbox's connection as JSON; nothing finds it yet."""
    connection = os.environ["AIRFLOW_CONN_IQM_DEFAULT"]
    monkeypatch.delenv("AIRFLOW_CONN_IQM_DEFAULT")
    return json.loads(connection)


@pytest.fixture
def store(airflow_database, environment):
    """Store a connection in Airflow's database."""
    stored = []

    def store(connection, connection_id="iqm_default"):
        done = run("airflow", "connections", "add", connection_id, "--conn-json", json.dumps(connection))
        assert done.returncode == 0, done.stderr
        stored.append(connection_id)

    yield store
    for connection_id in stored:
        run("airflow", "connections", "delete", connection_id)


@pytest.fixture
def audience_id(sandbox, environment, tmp_path, monkeypatch):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    with monkeypatch.context() as patched:
        patched.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(environment))
        return IQMHook().upload_matched_audience(
            file_path=path, audience_name="Night", columns={"email": "Email"}, column_settings={"Email": "Raw"}
        )


def test_every_command_finds_a_connection_in_the_database(store, environment, audience_id, tmp_path):
    store(environment, "stored")
    commands = {
        "check": "Logged in to workspace",
        "columns": "Voters_FirstName",
        f"status {audience_id}": str(audience_id),
        "audiences": str(audience_id),
        f"validate {tmp_path / 'list.csv'} --columns email=Email --column-settings Email=Raw": "Account:",
    }
    for command, expected in commands.items():
        done = run("airflow_provider_iqm", *shlex.split(command), "--conn-id", "stored")
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    if not AIRFLOW_2:
        done = run("airflow", "iqm", "status", str(audience_id), "--conn-id", "stored")
        assert str(audience_id) in done.stdout, done.stderr


def test_the_environment_comes_before_the_database_and_a_secrets_backend_before_both(
    store, environment, tmp_path, monkeypatch
):
    # A connection without a client id is told apart by its error.
    wrong = environment | {"extra": {}}
    store(wrong)
    assert "Client ID" in check_id()
    monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps(environment))
    assert "Logged in" in check_id()
    path = tmp_path / "connections.json"
    path.write_text(json.dumps({"iqm_default": wrong, "only_there": environment}))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", BACKEND)
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(path)}))
    assert "Client ID" in check_id()
    assert "Logged in" in check_id("only_there")


def test_a_missing_connection_is_an_instruction(airflow_database, environment):
    done = run("airflow_provider_iqm", "columns", "--conn-id", "elsewhere")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert 'Connection "elsewhere" not found' in message
    assert os.environ["AIRFLOW_HOME"] in message
    # It can be typed as it is written.
    command = shlex.split(message.partition("or run: ")[2])
    assert command[:4] == ["airflow", "connections", "add", "elsewhere"]
    added = run(*command)
    run("airflow", "connections", "delete", "elsewhere")
    assert added.returncode == 0, added.stderr


def test_a_database_that_cannot_be_read_is_named(environment, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/nowhere/airflow.db")
    done = run("airflow_provider_iqm", "columns", "--conn-id", "elsewhere")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert "can't be read (OperationalError). Run: airflow db check" in message
    assert "connections add" not in message


def test_an_interrupt_during_the_imports_is_no_traceback():
    code = (
        "import runpy, sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('airflow_provider_iqm.cli'): raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "runpy.run_module('airflow_provider_iqm', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
