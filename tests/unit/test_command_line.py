"""A command whose output can't be written, or that is interrupted, ends in plain words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_iqm.command_line import plain_exit

DRY_RUN = f"{sys.executable} -m airflow_provider_iqm.audience"


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")

    def run_in_shell(after):
        command = f"{DRY_RUN} '{path}' --suggest {after}"
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    return run_in_shell


def test_a_reader_that_is_gone(run):
    done = run("| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk(run):
    done = run("> /dev/full")
    assert (done.returncode, done.stderr) == (1, "Can't write the output: no space left.\n")


def test_a_closed_output(run):
    done = run(">&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt(capsys):
    with pytest.raises(SystemExit) as ended, plain_exit():
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_other_errors_pass():
    with pytest.raises(FileNotFoundError), plain_exit():
        raise FileNotFoundError
