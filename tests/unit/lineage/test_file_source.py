from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_iqm.lineage.file_source import dataset_name


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/list.csv", ("file", "/data/list.csv")),
        ("/data/J\udcf6rg.csv", ("file", "/data/J\ufffdrg.csv")),
        (Path("list.csv"), ("file", str(Path.cwd() / "list.csv"))),
        ("file:///data/list.csv", ("file", "/data/list.csv")),
        ("s3://lake@people/in/list.csv", ("s3://people", "in/list.csv")),
        ("s3a://people/in/list.csv", ("s3://people", "in/list.csv")),
        ("gcs://lake@people/list.csv", ("gs://people", "list.csv")),
        ("abfs://lake@people/list.csv", ("abfs://people", "list.csv")),
    ],
)
def test_dataset_names_follow_openlineage_without_the_connection(path, expected):
    assert dataset_name(path) == expected
