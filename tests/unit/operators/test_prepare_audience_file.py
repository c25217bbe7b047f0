from __future__ import annotations

import stat
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import ObjectStorageError
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.operators.staging import stage_file, storage_path


@pytest.fixture
def prepare(tmp_path):
    """Run the operator on so many emails; give what it returns, and what it pushes."""
    (tmp_path / "scratch").mkdir()

    def run(count, *, name="list.csv", **arguments):
        path = tmp_path / name
        path.write_text("email\n" + "".join(f"user{number}@mail.example\n" for number in range(count)))
        given = {
            "file_path": str(path),
            "output_dir": str(tmp_path / "parts"),
            "audience_name": "People",
            "columns": {"email": "Email"},
            "column_settings": {"Email": "Raw"},
            "scratch_dir": str(tmp_path / "scratch"),
            **arguments,
        }
        ti = MagicMock()
        parts = PrepareAudienceFileOperator(task_id="prepare", **given).execute({"ti": ti})
        assert list((tmp_path / "scratch").iterdir()) == []
        return parts, {call.kwargs["key"]: call.kwargs["value"] for call in ti.xcom_push.call_args_list}

    return run


def test_returns_the_upload_arguments_of_each_part(prepare, tmp_path):
    parts, pushed = prepare(100, max_records=60)
    folder = tmp_path / "parts"
    assert parts == [
        {
            "file_path": str(folder / f"list.csv.part-{number}-of-2.csv"),
            "audience_name": f"People ({number} of 2)",
            "columns": {"email": "Email"},
            "column_settings": {"Email": "Raw"},
        }
        for number in (1, 2)
    ]
    assert sorted(str(path) for path in folder.iterdir()) == [part["file_path"] for part in parts]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sum(pushed["report"]["parts"]) == 100


def test_a_single_part_keeps_the_audience_name(prepare):
    (part,), pushed = prepare(3, column_settings=None, hash_columns={"email": "SHA256"})
    assert part["audience_name"] == "People"
    assert part["column_settings"] == {"Email": "SHA256"}
    assert pushed["report"]["records_kept"] == 3


def test_a_later_run_replaces_only_its_own_parts(prepare, tmp_path):
    prepare(10, name="other.csv")
    prepare(100, max_records=30)
    (tmp_path / "parts" / ".list.csv.part-7-of-9.csv.partial").write_text("left by a killed task")
    prepare(10)
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [
        "list.csv.part-1-of-1.csv",
        "other.csv.part-1-of-1.csv",
    ]


def test_file_urls_are_paths_on_the_worker(prepare, tmp_path):
    parts, _ = prepare(3, file_path=f"file://{tmp_path}/list.csv", output_dir=f"file://{tmp_path}/parts")
    assert parts[0]["file_path"] == str(tmp_path / "parts" / "list.csv.part-1-of-1.csv")


def test_parts_in_object_storage_can_be_uploaded_from_there(prepare, tmp_path):
    from fsspec.implementations.memory import MemoryFileSystem

    try:
        from airflow.sdk.io import attach
    except ImportError:
        from airflow.io.store import attach
    attach(protocol="memory", fs=MemoryFileSystem())
    url = "memory://bucket/parts"
    prepare(100, max_records=30, output_dir=url)
    parts, _ = prepare(100, max_records=60, output_dir=url)
    assert len(parts) == 2
    records = 0
    for part in parts:
        with stage_file(part["file_path"], scratch_dir=tmp_path / "scratch") as path:
            assert path.name == part["file_path"].rsplit("/", 1)[-1]
            records += path.read_text().count("\n") - 1
        assert not path.exists()
    assert records == 100
    assert len(MemoryFileSystem().ls("/bucket/parts", detail=False)) == 2


def test_invalid_limits_fail_without_a_retry(prepare):
    with pytest.raises(AirflowFailException, match="max_records"):
        prepare(3, max_records=5_000_001)


def test_part_paths_of_a_file_name_that_is_not_utf8_are_valid(prepare, tmp_path):
    parts, _ = prepare(100, name="J\udcf6rg.csv", max_records=60)
    assert parts[0]["file_path"] == str(tmp_path / "parts" / "J\ufffdrg.csv.part-1-of-2.csv")


def test_an_output_dir_whose_name_is_not_utf8_is_rejected(prepare, tmp_path):
    with pytest.raises(AirflowFailException, match=r"The name of output_dir \(.*Andr\\udce9'\) isn't UTF-8"):
        prepare(100, output_dir=str(tmp_path / "Andr\udce9"), max_records=60)


def test_a_url_that_is_not_utf8_is_rejected():
    with pytest.raises(ObjectStorageError, match="isn't a valid URL"):
        storage_path("s3://bucket/J\udcf6rg.csv")
