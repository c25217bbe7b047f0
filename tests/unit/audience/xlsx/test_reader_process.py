"""The subprocess that reads a workbook dies alone, and never outlives its task."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import textwrap
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from airflow_provider_iqm.audience.duckdb.csv_queries import connect
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.audience.xlsx import reader_process
from airflow_provider_iqm.audience.xlsx.reader_process import memory_bytes
from airflow_provider_iqm.audience.xlsx.workbook import read_rows
from airflow_provider_iqm.exceptions import AudienceFileError, CleaningOptionError, WorkerResourceError
from tests.unit.audience.inspection import inspect_file
from tests.unit.audience.xlsx.raw_workbook import HEADER, sheet_data, write_workbook


def endless(tmp_path: Path) -> Path:
    """A workbook whose rows don't fit into a pipe."""
    rows = (f'<row r="{n}"><c r="A{n}" t="str"><v>{"x" * 500}</v></c></row>' for n in range(2, 10_000))
    return write_workbook(tmp_path / "list.xlsx", ["<sheetData>", HEADER, *rows, "</sheetData>"])


def helpers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        # Another test's process may have ended, and wait for its exit status to be read.
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "xlsx.reader" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (signal.SIGKILL, WorkerResourceError, "was killed, probably because the worker is out of memory"),
        (signal.SIGABRT, AudienceFileError, "ended unexpectedly (signal 6). Save the workbook as XLSX again"),
    ],
)
def test_a_killed_reader_raises_one_of_our_errors(tmp_path, number, kind, says):
    rows = read_rows(endless(tmp_path), name="list.xlsx")
    next(rows)
    (helper,) = helpers()
    helper.send_signal(number)
    with pytest.raises(kind) as caught:
        for _ in rows:
            pass
    assert says in str(caught.value)
    assert str(caught.value).startswith("list.xlsx: the process that reads the workbook ")


def test_a_reader_that_cannot_start_raises_one_of_our_errors(tmp_path, monkeypatch):
    path = write_workbook(tmp_path / "list.xlsx", sheet_data())
    monkeypatch.setattr(reader_process, "_READER", "no.such.module")
    with pytest.raises(AudienceFileError, match="exit status 1"):
        inspect_file(path)


def test_an_abandoned_reading_leaves_no_process(tmp_path):
    rows = read_rows(endless(tmp_path), name="list.xlsx")
    next(rows)
    assert len(helpers()) == 1
    rows.close()
    assert helpers() == []


def test_the_reader_ends_with_its_task(tmp_path):
    code = f"""
        import sys
        from pathlib import Path
        from airflow_provider_iqm.audience.xlsx.workbook import read_rows
        rows = read_rows(Path({str(endless(tmp_path))!r}), name="x")
        next(rows)
        print("reading", flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as task:
        task.stdout.readline()
        (helper,) = psutil.Process(task.pid).children()
        # It waits, because its rows aren't read.
        task.kill()
        gone, _ = psutil.wait_procs([helper], timeout=10)
    assert gone == [helper]


def test_the_reader_has_no_core_dump_and_a_memory_limit(tmp_path):
    rows = read_rows(endless(tmp_path), name="list.xlsx", memory_limit="100MB")
    next(rows)
    (helper,) = helpers()
    assert resource.prlimit(helper.pid, resource.RLIMIT_CORE) == (0, 0)
    assert 0 < resource.prlimit(helper.pid, resource.RLIMIT_DATA)[0] < 100_000_000
    rows.close()


@pytest.mark.parametrize(
    ("limit", "size"),
    [("256MiB", 256 << 20), ("1GB", 10**9), ("1.5 gib", 3 << 29), ("1000000b", 10**6)],
)
def test_memory_limits_are_parsed_as_in_duckdb(limit, size):
    assert memory_bytes(limit) == size


def test_percentages_of_memory_are_parsed_as_in_duckdb():
    with closing(connect(memory_limit="10%")) as connection:
        (theirs,) = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    assert memory_bytes("10%") == memory_bytes(theirs) > 100_000_000


@pytest.mark.parametrize("limit", ["150%", "much", "-1MB"])
def test_invalid_amounts_of_memory_are_rejected(tmp_path, limit):
    path = write_workbook(tmp_path / "list.xlsx", sheet_data())
    with pytest.raises(CleaningOptionError, match=f"memory_limit is '{limit}'"):
        inspect_file(path, memory_limit=limit)


def test_an_unusable_scratch_folder_is_named(tmp_path):
    strings = ["<si><t>" + "x" * 1_000_000 + "</t></si>"] * 70
    path = write_workbook(tmp_path / "list.xlsx", sheet_data(), strings=strings)
    with pytest.raises(CleaningOptionError, match="scratch_dir '/nowhere' can't be written to"):
        prepare_upload(
            file_path=path, audience_name="x", columns={"a": "Residence_FullAddress"}, scratch_dir="/nowhere"
        )


def test_the_file_of_spilled_texts_has_no_name(tmp_path):
    strings = ["<si><t>" + "x" * 1_000_000 + "</t></si>"] * 70
    rows = (f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 5))
    path = write_workbook(tmp_path / "list.xlsx", ["<sheetData>", HEADER, *rows, "</sheetData>"], strings=strings)
    folder = tmp_path / "scratch"
    folder.mkdir()
    reading = read_rows(path, name="list.xlsx", scratch_dir=folder)
    next(reading)
    assert list(folder.iterdir()) == []
    (helper,) = helpers()
    opened = [str(link.readlink()) for link in Path(f"/proc/{helper.pid}/fd").iterdir()]
    assert any(str(folder) in target and "(deleted)" in target for target in opened)
    reading.close()
