"""Copies a file from object storage to the worker for as long as it is needed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_iqm.exceptions import ObjectStorageError
from airflow_provider_iqm.files.scratch import Scratch
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import display_name, is_unicode

log = logging.getLogger(__name__)

_COPY_BYTES = 1 << 20

_REQUEST_BYTES = 8 << 20
"""The size of one read from object storage, which is buffered in memory; the default of s3fs is 50 MB."""


def storage_path(path: str | Path) -> Path | ObjectStoragePath:
    """
    Parse a path on the worker or a URL of object storage; ``file://`` URLs are paths on the worker.

    :param path: A path, or a URL in the form of Airflow's ``ObjectStoragePath`` (``s3://conn_id@bucket/key``).
    :raises ObjectStorageError: The URL isn't valid UTF-8.
    """
    if "://" not in str(path):
        return Path(path)
    if not is_unicode(str(path)):
        raise ObjectStorageError(f"{str(path)!r} isn't a valid URL: it contains bytes that aren't UTF-8. Correct it.")
    url = ObjectStoragePath(str(path))
    return Path(url.path) if url.protocol == "file" else url


def storage_filesystem(path: ObjectStoragePath) -> Any:
    """
    Return the fsspec filesystem of an object storage URL.

    :param path: The URL.
    :raises ObjectStorageError: The provider for the URL's scheme isn't installed.
    """
    try:
        return path.fs
    except (ValueError, ImportError) as error:
        raise ObjectStorageError(
            f"Airflow can't access {path.protocol}:// URLs: {error}. Install the provider of this storage on the "
            "worker, such as apache-airflow-providers-amazon[s3fs] for s3://."
        ) from error


@contextmanager
def storage_errors(url: str | Path) -> Iterator[None]:
    """
    Translate storage errors that a retry can't fix; the task's retries handle all others.

    :param url: The URL that is read or written.
    :raises ObjectStorageError: The object or bucket doesn't exist, or access is denied.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _not_found(url) from error
    except PermissionError as error:
        raise ObjectStorageError(
            f"Access to {str(url)!r} was denied: {error}. Check the credentials and permissions of the connection in "
            "the URL (before the @)."
        ) from error


def _not_found(url: str | Path) -> ObjectStorageError:
    return ObjectStorageError(
        f"File or bucket {str(url)!r} not found. Check the URL and the task that writes the file."
    )


@contextmanager
def stage_file(path: str | Path, *, scratch_dir: str | Path | None) -> Iterator[Path]:
    """
    Make a file available on the worker. A file in object storage is copied, and the copy is deleted afterwards.

    :param path: A path, or a URL of object storage.
    :param scratch_dir: The folder for the copy; default: the system's temporary folder.
    :raises WorkerResourceError: The disk of ``scratch_dir`` is full.
    :raises ObjectStorageError: The object doesn't exist, or access is denied.
    """
    found = storage_path(path)
    # On Airflow 2.11, an ObjectStoragePath is a Path too.
    if not isinstance(found, ObjectStoragePath):
        yield found
        return
    if not found.name:
        # A bucket without a key.
        raise _not_found(path)
    with Scratch(scratch_dir) as scratch:
        log.info("Copying %s to the worker", path)
        with (
            storage_errors(path),
            system_errors(name=display_name(found.name), folder=scratch_dir, only_resources=True),
        ):
            # Keep the file's name: the upload sends it to IQM.
            copy = scratch.new_file(found.name)
            storage = storage_filesystem(found)
            with storage.open(found.path, "rb", block_size=_REQUEST_BYTES) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, _COPY_BYTES)
        yield copy
