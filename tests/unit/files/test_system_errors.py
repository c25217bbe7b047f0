"""Full disks, too little memory, files that vanish: errors that say what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_iqm.audience.cleaning import cleaner
from airflow_provider_iqm.audience.csv import writer
from airflow_provider_iqm.audience.split import Limits, split_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import (
    AudienceFileError,
    CleaningOptionError,
    IQMFinalError,
    WorkerResourceError,
)
from airflow_provider_iqm.files import blocks
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors

SECRET = "Frodo-0x7"
TEXT = "email;b\n" + f"frodo@shire.example;{SECRET}\n" * 10
COMMAS = TEXT.replace(";", ",")


@pytest.fixture
def prepare(make_file, tmp_path):
    def prepare(content=TEXT, **options):
        options = {
            "columns": {"email": "Email"},
            "column_settings": {"Email": "Raw"},
            "scratch_dir": tmp_path,
        } | options
        return prepare_upload(file_path=make_file(content), audience_name="x", **options)

    return prepare


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, WorkerResourceError, "The disk is full: '/tmp' (scratch_dir) has "),
        (errno.EDQUOT, WorkerResourceError, "The disk quota is exceeded: '/tmp' (scratch_dir) has "),
        (
            errno.EFBIG,
            WorkerResourceError,
            "The worker's file size limit is exceeded: '/tmp' (scratch_dir)",
        ),
        (errno.ENOMEM, WorkerResourceError, "The worker has too little memory to prepare list.csv"),
        (errno.EAGAIN, WorkerResourceError, "The worker has too little memory, or too many processes, to prepare"),
        (errno.EMFILE, WorkerResourceError, "The worker has too many open files to prepare list.csv"),
        (errno.EIO, WorkerResourceError, "Reading or writing list.csv failed: Input/output error (EIO)"),
        (errno.ESTALE, WorkerResourceError, "Reading or writing list.csv failed: Stale file handle (ESTALE)"),
        (errno.EROFS, CleaningOptionError, "scratch_dir '/tmp' can't be written to: Read-only file system (EROFS)"),
        (errno.EACCES, CleaningOptionError, "scratch_dir '/tmp' can't be written to: Permission denied (EACCES)"),
    ],
)
def test_errors_of_the_system_say_what_to_do(number, kind, says):
    with pytest.raises(kind) as caught, system_errors(name="list.csv", folder="/tmp"):
        raise OSError(number, os.strerror(number), None)
    assert says in str(caught.value)[:120]
    # Somebody else may free what is missing; an argument has to be changed.
    assert isinstance(caught.value, IQMFinalError) == (kind is CleaningOptionError)


def test_what_a_server_or_a_library_raises_is_left_alone():
    for error in (OSError("no number"), ConnectionResetError(errno.ECONNRESET, "reset"), RuntimeError("other")):
        with pytest.raises(type(error)) as caught, system_errors(only_resources=True):
            raise error
        assert caught.value is error


def test_a_full_disk_says_how_much_is_free_and_needed(prepare, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, "_write", full)
    with pytest.raises(WorkerResourceError) as caught:
        prepare()
    assert f"'{tmp_path}' (scratch_dir) has " in str(caught.value)
    assert "MB free, and list.csv (0.0 MB) needs up to twice its unpacked size there" in str(caught.value)
    assert not list(tmp_path.glob("iqm-audience-*"))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_too_little_memory_is_said(prepare, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(cleaner, "scan_bytes", fail)
    with pytest.raises(WorkerResourceError, match=r"^The worker has too"):
        prepare(COMMAS, normalize=True)


def test_a_disk_that_fails_on_the_way_is_said(prepare, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")
        yield b""

    monkeypatch.setattr("airflow_provider_iqm.audience.csv.lines.read_blocks", fail)
    with pytest.raises(WorkerResourceError, match=r"Reading or writing list.csv failed"):
        prepare()


def test_a_file_that_vanishes_is_said(prepare, make_file, monkeypatch):
    real = blocks.read_blocks

    def vanish(path, *arguments, **options):
        path.unlink(missing_ok=True)
        return real(path, *arguments, **options)

    monkeypatch.setattr("airflow_provider_iqm.audience.csv.lines.read_blocks", vanish)
    with pytest.raises(AudienceFileError, match=r"list.csv: the file can't be read: No such file or directory"):
        prepare()
    monkeypatch.undo()
    with prepare(COMMAS) as upload:
        upload.file.path.unlink()
        with pytest.raises(AudienceFileError, match=r"list.csv: the file was removed after it was checked"):
            upload.token("dag", any_order=True)


def test_a_folder_for_the_quarantine_that_is_not_there_is_said(prepare, tmp_path):
    options = {"normalize": True, "max_invalid_ratio": 1}
    for path in (tmp_path / "no" / "q.csv", tmp_path):
        with pytest.raises(CleaningOptionError, match=r"^quarantine_path '.*' can't be written to"):
            prepare("email,b\n1,2\na@b.com,3\n", quarantine_path=path, **options)


def test_a_path_with_a_nul_is_said(prepare):
    with pytest.raises(CleaningOptionError, match=r"^quarantine_path .* contains a NUL"):
        prepare("email,b\n1,2\na@b.com,3\n", normalize=True, max_invalid_ratio=1, quarantine_path="q\0.csv")


def test_a_memory_limit_that_is_too_low_is_said(prepare):
    with pytest.raises(CleaningOptionError) as caught:
        prepare(COMMAS, memory_limit="1MB", drop_duplicates=True)
    assert "memory_limit (1MB) is too low" in str(caught.value)
    assert caught.value.__context__ is None
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("limit", ["lots", "", "512", "1 parsec", "1e99GB", "256MiB; DROP", 512, None, "9" * 99 + "GB"])
def test_a_memory_limit_that_is_none_is_said(prepare, limit):
    with pytest.raises(CleaningOptionError, match=r"^memory_limit must be an amount of memory"):
        prepare(COMMAS, memory_limit=limit)


@pytest.mark.parametrize("limit", ["256MiB", "0.5GB", "1 gb", "300M", "20%"])
def test_a_memory_limit_is_written_as_duckdb_has_it(prepare, limit):
    prepare(COMMAS, memory_limit=limit, normalize=True).close()


def test_a_memory_limit_that_is_too_low_for_a_split_is_said(prepare, tmp_path):
    says = pytest.raises(CleaningOptionError, match=r"memory_limit \(1MB\) is too low")
    with prepare(COMMAS) as upload, Scratch(tmp_path) as scratch, says:
        split_list(upload, limits=Limits(records=5), scratch=scratch, memory_limit="1MB")


LIMITED = """
import resource, sys
from pathlib import Path
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.audience.split import Limits, split_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import IQMError
import duckdb

folder, limit = Path(sys.argv[1]), sys.argv[2]

def prepare(name, **options):
    return prepare_upload(
        file_path=folder / name, audience_name="x", columns={"email": "Email"}, column_settings={"Email": "Raw"},
        scratch_dir=folder, **options
    )

def split():
    with prepare("comma.csv") as upload, Scratch(folder) as scratch:
        split_list(upload, limits=Limits(records=15_000), scratch=scratch)

cases = [
    lambda: prepare("semicolon.csv"),
    lambda: prepare("comma.csv.gz"),
    lambda: prepare("comma.csv", normalize=True),
    lambda: prepare("cr.csv", normalize=True),
    lambda: prepare("invalid.csv", normalize=True, max_invalid_ratio=1, quarantine_path=folder / "quarantine.csv"),
    split,
]
if limit == "disk":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
else:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000, used + 60_000_000))
for case in cases:
    try:
        upload = case()
        print("passed")
        if upload:
            upload.close()
    except IQMError as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def lists(tmp_path):
    import gzip

    rows = "".join(f"user{number}@example.com,{SECRET}\n" for number in range(20_000))
    text = "email,b\n" + rows
    (tmp_path / "comma.csv").write_text(text)
    (tmp_path / "semicolon.csv").write_text(text.replace(",", ";"))
    (tmp_path / "cr.csv").write_text(text.replace("\n", "\r"))
    (tmp_path / "invalid.csv").write_text("email,b\n" + "user,\n" * 9_000 + "a@b.com,\n" * 9)
    (tmp_path / "comma.csv.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def _run(lists, limit):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(lists), limit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert SECRET not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    assert not list(lists.glob("iqm-audience-*"))
    return done.stdout.splitlines()


def test_whatever_cannot_be_written_is_one_of_our_errors(lists):
    found = _run(lists, "disk")
    assert len(found) == 6
    for line in found:
        assert line.startswith("WorkerResourceError The worker's file size limit is exceeded: "), found
    assert "(quarantine_path)" in found[4]
    assert all("(scratch_dir)" in line for line in found if line != found[4])


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limit of memory")
def test_too_little_memory_neither_kills_the_task_nor_ends_in_a_raw_error(lists):
    found = _run(lists, "memory")
    assert len(found) == 6
    assert {line.split()[0] for line in found} <= {"passed", "WorkerResourceError"}
    assert found[2].startswith("WorkerResourceError The worker has too little memory to prepare comma.csv")
