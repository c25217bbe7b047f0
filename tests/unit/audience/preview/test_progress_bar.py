from __future__ import annotations

import gzip
import subprocess
import sys

import pytest

from airflow_provider_iqm.files import reading_progress
from airflow_provider_iqm.files.blocks import read_blocks
from tests.terminal import run_at_terminal

COMMAND = [sys.executable, "-m", "airflow_provider_iqm.audience"]
OPTIONS = ["--columns", "email=Email", "--column-settings", "Email=Raw"]


@pytest.fixture
def long_list(tmp_path):
    # With semicolons, a list is read line by line and copied, which takes its time.
    path = tmp_path / "list.csv"
    path.write_text("email;first\n" + "frodo@shire.example;Frodo\n" * 1_000_000)
    return str(path)


def test_a_person_at_a_terminal_sees_how_far_the_reading_is(long_list):
    status, shown = run_at_terminal([*COMMAND, long_list, *OPTIONS])
    assert status == 0
    assert "Reading list.csv (26.0 MB)" in shown
    assert "Records:    1,000,000" in shown


def test_a_pipe_gets_the_answer_alone(long_list):
    done = subprocess.run([*COMMAND, long_list, *OPTIONS], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "Reading" not in done.stdout


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_told_are_the_bytes_on_the_disk(tmp_path, packed):
    path = tmp_path / "list"
    content = b"".join(number.to_bytes(4, "big") for number in range(400_000))
    path.write_bytes(gzip.compress(content) if packed else content)
    told = []
    with reading_progress.reading_progress(told.append):
        read = b"".join(read_blocks(path, 10_000, name="list", packed=packed))
    assert read == content
    assert told == sorted(told)
    # Python 3.12 and later unpack 128 KiB at a time.
    assert len(set(told)) > 3
    assert told[-1] == path.stat().st_size
    list(read_blocks(path, 10_000, name="list", packed=packed))
    assert told[-1] == max(told) == path.stat().st_size
