"""A file as the lineage source of a list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from openlineage.client.event_v2 import InputDataset

from airflow_provider_iqm.lineage.source import LineageSource
from airflow_provider_iqm.wording import as_unicode

_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}


def dataset_name(path: str | Path) -> tuple[str, str]:
    """
    Return a file's OpenLineage namespace and name: ``file`` and the path, or the bucket and the key.

    :param path: A path on the worker, or a URL of object storage, whose connection id is dropped.
    """
    url = urlsplit(str(path)) if "://" in str(path) else None
    if url is None or url.scheme == "file":
        return "file", as_unicode(str(Path(url.path if url else path).absolute()))
    bucket = url.netloc.rpartition("@")[-1]
    return f"{_SCHEMES.get(url.scheme, url.scheme)}://{bucket}", url.path.strip("/")


def file_source(path: str | Path, columns: Iterable[str]) -> LineageSource:
    """
    Return a file as the source of a list.

    :param path: The file.
    :param columns: The file's columns that are used.
    """
    namespace, name = dataset_name(path)
    dataset = InputDataset(namespace=namespace, name=name)
    return LineageSource(inputs=[dataset], origins={column: [(namespace, name, column)] for column in columns})
