from __future__ import annotations

import stat
from pathlib import Path

import fsspec
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_iqm.exceptions import ObjectStorageError
from airflow_provider_iqm.operators import staging
from airflow_provider_iqm.operators.staging import stage_file, storage_errors, storage_path

CONTENT = b"email\nfrodo@shire.example\n"


@pytest.fixture
def store(monkeypatch):
    """Put an object into a storage in memory, and return its URL."""
    memory = fsspec.filesystem("memory")
    # Airflow knows the schemes of its providers only.
    monkeypatch.setattr(staging, "storage_filesystem", lambda path: memory)

    def put(path="/lake/people.csv", content=CONTENT):
        memory.pipe(path, content)
        return f"memory:/{path}"

    yield put
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.mark.parametrize(
    "path", ["/data/people.csv", "people.csv", "file:///data/people.csv", Path("/data/people.csv")]
)
def test_paths_on_the_worker(path):
    found = storage_path(path)
    assert not isinstance(found, ObjectStoragePath)
    assert found.name == "people.csv"


def test_urls_of_object_storage():
    assert isinstance(storage_path("s3://lake@people/list.csv"), ObjectStoragePath)


def test_a_file_on_the_worker_is_not_copied(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(CONTENT)
    with stage_file(str(path), scratch_dir=tmp_path) as file:
        assert file == path
    assert path.read_bytes() == CONTENT


def test_an_object_is_copied_under_its_own_name_and_deleted(store, tmp_path):
    with stage_file(store(), scratch_dir=tmp_path) as copy:
        assert copy.name == "people.csv"
        assert copy.is_relative_to(tmp_path)
        assert copy.read_bytes() == CONTENT
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == []


def test_the_copy_is_deleted_after_an_error(store, tmp_path):
    with pytest.raises(ZeroDivisionError), stage_file(store(), scratch_dir=tmp_path):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_large_object_is_copied_completely(store, tmp_path):
    content = CONTENT + b"sam@shire.example\n" * 200_000
    with stage_file(store(content=content), scratch_dir=tmp_path) as copy:
        assert copy.read_bytes() == content


@pytest.mark.parametrize("url", ["memory://lake/missing.csv", "memory://"])
def test_the_error_names_a_missing_object(store, tmp_path, url):
    store()
    with pytest.raises(ObjectStorageError) as caught, stage_file(url, scratch_dir=tmp_path):
        pass
    assert url in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_error_for_denied_access_names_the_url():
    with pytest.raises(ObjectStorageError, match=r"s3://lake@people/list\.csv"):  # noqa: SIM117
        with storage_errors("s3://lake@people/list.csv"):
            raise PermissionError("Access Denied")


def test_other_errors_are_retryable():
    with pytest.raises(ConnectionResetError), storage_errors("s3://people/list.csv"):
        raise ConnectionResetError("reset")
