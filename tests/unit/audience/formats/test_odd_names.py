"""Names that aren't Unicode, of files, audiences and columns: they work, or end in one of the package's errors."""

from __future__ import annotations

import os
import subprocess
import sys

import openpyxl
import pandas as pd
import pytest

from airflow_provider_iqm.audience.formats.dataframe import write_dataframe
from airflow_provider_iqm.audience.split import Limits, split_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import (
    AudienceFileError,
    AudienceNameError,
    CleaningOptionError,
    ColumnMappingError,
)
from airflow_provider_iqm.files.scratch import Scratch

RECORDS = [[f"frodo{number}@shire.example", "02134"] for number in range(20)]
CONTENT = "email,zip\n" + "".join(f"{email},{zip_}\n" for email, zip_ in RECORDS)


@pytest.fixture
def not_utf8(tmp_path):
    """Give a path that is no UTF-8, in its folder and in its own name."""

    def make(content=CONTENT, suffix=".csv"):
        folder = tmp_path / os.fsdecode(b"Andr\xe9")
        folder.mkdir(exist_ok=True)
        path = folder / os.fsdecode(b"J\xf6rg" + suffix.encode())
        path.write_bytes(content.encode())
        return path

    return make


def prepare(path, **arguments):
    given = {"audience_name": "x", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
    return prepare_upload(file_path=path, **{**given, **arguments})


@pytest.mark.parametrize(
    "options",
    [{}, {"normalize": True}, {"hash_columns": {"email": "SHA256"}}, {"encoding": "cp1252"}],
    ids=["as it is", "cleaned", "hashed", "converted"],
)
def test_a_file_whose_name_is_not_utf8_is_read_cleaned_and_split(not_utf8, options, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with prepare(not_utf8(), scratch_dir=scratch, **options) as upload, Scratch(scratch) as parts:
        assert upload.file.name == "J\ufffdrg.csv"
        assert upload.file.records == 20
        assert upload.token() != upload.token(any_order=True)
        assert len(split_list(upload, limits=Limits(records=15), scratch=parts)) == 2
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["plain.csv", "clean.csv", "exact.csv", "original.csv"])
@pytest.mark.parametrize("options", [{"encoding": "cp1252"}, {"normalize": True}])
def test_a_file_that_is_called_like_a_copy_stays_as_it_is(tmp_path, name, options):
    folder = tmp_path / os.fsdecode(b"Andr\xe9")
    folder.mkdir()
    path = folder / name
    # A quoted line break makes an exact copy.
    content = CONTENT + '"frodo@shire.example","0\n2134"\n'
    path.write_bytes(content.encode())
    with prepare(path, max_invalid_ratio=1, **options):
        pass
    assert path.read_bytes() == content.encode()


def test_so_is_a_workbook(not_utf8):
    path = not_utf8(suffix=".xlsx")
    workbook = openpyxl.Workbook()
    for record in [["email", "zip"], *RECORDS]:
        workbook.active.append(record)
    workbook.save(path)
    with prepare(path) as upload:
        assert (upload.file.name, upload.file.records) == ("J\ufffdrg.xlsx", 20)


@pytest.mark.parametrize(
    ("content", "says"), [("email,zip\n1\n", r"'J\udcf6rg.csv': the record on line 2"), ("", r"'J\udcf6rg.csv': the")]
)
def test_a_message_shows_such_a_name_escaped(not_utf8, content, says):
    with pytest.raises(AudienceFileError) as caught:
        prepare(not_utf8(content))
    assert str(caught.value).startswith(says)
    str(caught.value).encode()


@pytest.mark.parametrize("name", ["a\0b.csv", "x" * 300 + ".csv", "\udce9.csv"])
def test_a_path_that_no_file_has(tmp_path, name):
    with pytest.raises(AudienceFileError, match="there is no file"):
        prepare(tmp_path / name)


def test_an_audience_must_have_a_name_in_unicode(not_utf8):
    with pytest.raises(AudienceNameError, match=r"audience_name is 'x\\ud800', which isn't valid Unicode"):
        prepare(not_utf8(), audience_name="x\ud800")


@pytest.mark.parametrize("mapping", [{"columns": {"\udce9": "Email"}}, {"column_settings": {"\udce9": "Raw"}}])
def test_so_must_a_column(not_utf8, mapping):
    with pytest.raises(ColumnMappingError, match=r"has the name '\\udce9', which isn't valid Unicode"):
        prepare(not_utf8(), **mapping)


def test_a_dataframe_that_has_none_is_refused(tmp_path):
    with pytest.raises(AudienceFileError, match="line 1 can't be written in UTF-8"):
        write_dataframe(pd.DataFrame([["x"]], columns=pd.Index(["\ud800"], dtype=object)), tmp_path / "list.csv")
    with pytest.raises(AudienceFileError, match="line 2 can't be written in UTF-8"):
        write_dataframe(pd.DataFrame({"email": ["\ud800"]}, dtype=object), tmp_path / "list.csv")


def test_a_scratch_folder_must_have_a_name_in_utf8(not_utf8):
    path = not_utf8()
    with pytest.raises(CleaningOptionError, match=r"scratch_dir .*Andr\\udce9' isn't valid UTF-8"):
        prepare(path, scratch_dir=path.parent, normalize=True)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("options", [["--columns", "Émail=Email", "--column-settings", "Email=Raw"], ["--suggest"]])
def test_the_dry_run_prints_on_any_terminal(not_utf8, encoding, options):
    command = [sys.executable, "-m", "airflow_provider_iqm.audience", str(not_utf8(f"Émail{CONTENT[5:]}")), *options]
    done = subprocess.run(
        command, capture_output=True, check=False, env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert ("Émail" if encoding == "utf-8" else r"\xc9mail").encode() in done.stdout
