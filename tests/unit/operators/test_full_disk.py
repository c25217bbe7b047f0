"""Full disks and folders that aren't writable."""

from __future__ import annotations

import errno
import json
import sqlite3
from contextlib import closing
from unittest.mock import MagicMock

import pandas as pd
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import CleaningOptionError, WorkerResourceError
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.operators.staging import stage_file
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

LIST = {"audience_name": "People", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def refused():
    """What must be raised: an error that names the folder, and that Airflow retries, since others may free space."""
    return pytest.raises(WorkerResourceError, match=r"^The disk is full: '.*' \(.*\) has .* MB free, and ")


@pytest.fixture
def prepare(tmp_path, scratch):
    def run(**arguments):
        path = tmp_path / "list.csv"
        path.write_text("email\na@mail.example\n")
        given = {"file_path": str(path), "output_dir": str(tmp_path / "parts"), "scratch_dir": str(scratch), **LIST}
        return PrepareAudienceFileOperator(task_id="prepare", **given | arguments).execute({"ti": MagicMock()})

    return run


def test_a_full_disk_under_the_output_dir(prepare, refused, monkeypatch, tmp_path):
    monkeypatch.setattr("airflow_provider_iqm.operators.part_folder.shutil.copyfileobj", full)
    with refused as caught:
        prepare()
    assert f"'{tmp_path / 'parts'}' (output_dir)" in str(caught.value)
    assert not isinstance(caught.value, AirflowFailException)
    assert not list((tmp_path / "parts").iterdir())


def test_an_output_dir_that_cannot_be_created(prepare, tmp_path):
    with pytest.raises(CleaningOptionError, match=r"^output_dir .* can't be written to: Not a directory") as caught:
        prepare(output_dir=str(tmp_path / "list.csv" / "parts"))
    assert isinstance(caught.value, AirflowFailException)


def test_a_full_disk_under_a_query(tmp_path, scratch, refused, monkeypatch):
    with closing(sqlite3.connect(tmp_path / "people.db")) as database:
        database.execute("CREATE TABLE people AS SELECT 'a@mail.example' AS email")
        database.commit()
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": f"{tmp_path}/people.db"}))
    monkeypatch.setattr("airflow_provider_iqm.audience.csv.writer._write", full)
    arguments = {"sql": "SELECT email FROM people", "conn_id": "warehouse", **LIST}
    with refused as caught:
        SqlToMatchedAudienceOperator(task_id="sync", scratch_dir=str(scratch), **arguments).execute({"ti": MagicMock()})
    assert f"'{scratch}' (scratch_dir)" in str(caught.value)
    folder = str(tmp_path / "nowhere")
    with pytest.raises(CleaningOptionError, match="scratch_dir") as final:
        SqlToMatchedAudienceOperator(task_id="sync", scratch_dir=folder, **arguments).execute({"ti": MagicMock()})
    assert isinstance(final.value, AirflowFailException)


def test_a_full_disk_under_a_dataframe(scratch, refused, monkeypatch, tmp_path):
    monkeypatch.setattr("airflow_provider_iqm.audience.csv.writer._write", full)
    people = pd.DataFrame({"email": ["a@mail.example"]})
    with refused as caught:
        IQMHook().upload_dataframe(people, scratch_dir=scratch, **LIST)
    assert f"'{scratch}' (scratch_dir)" in str(caught.value)
    with pytest.raises(CleaningOptionError, match="scratch_dir") as final:
        IQMHook().upload_dataframe(people, scratch_dir=tmp_path / "nowhere", **LIST)
    assert isinstance(final.value, AirflowFailException)


def test_a_full_disk_under_a_copy_from_object_storage(prepare, scratch, refused, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    try:
        from airflow.sdk.io import attach
    except ImportError:
        from airflow.io.store import attach
    attach(protocol="memory", fs=MemoryFileSystem())
    (part,) = prepare(output_dir="memory://bucket/full-disk")
    monkeypatch.setattr("airflow_provider_iqm.operators.staging.shutil.copyfileobj", full)
    with refused as caught, stage_file(part["file_path"], scratch_dir=scratch):
        pass
    assert f"'{scratch}' (scratch_dir)" in str(caught.value)
