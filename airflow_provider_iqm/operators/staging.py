"""A file in object storage, copied to where it can be checked, for as long as it is needed."""

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

_PIECE_BYTES = 1 << 20

_REQUEST_BYTES = 8 << 20
"""How much is asked of the storage at a time, which is what is held in memory; s3fs would ask for 50 MB."""


def storage_path(path: str | Path) -> Path | ObjectStoragePath:
    """
    Tell a path on the worker from a URL of object storage; ``file://`` is the worker's own.

    :param path: A path, or a URL as Airflow's ``ObjectStoragePath`` takes it, with its connection before the ``@``.
    :raises ObjectStorageError: The URL can't be written in UTF-8.
    """
    if "://" not in str(path):
        return Path(path)
    if not is_unicode(str(path)):
        raise ObjectStorageError(f"{str(path)!r} is no valid URL: it has bytes that aren't UTF-8. Correct the URL.")
    url = ObjectStoragePath(str(path))
    return Path(url.path) if url.protocol == "file" else url


def storage_filesystem(path: ObjectStoragePath) -> Any:
    """
    Return the client of a URL's storage, from the provider of its scheme.

    :param path: The URL.
    :raises ObjectStorageError: No such provider is installed.
    """
    try:
        return path.fs
    except (ValueError, ImportError) as error:
        raise ObjectStorageError(
            f"Airflow can't reach {path.protocol}://: {error}. Install this storage's provider on the worker, such as "
            "apache-airflow-providers-amazon[s3fs] for s3://."
        ) from error


@contextmanager
def storage_errors(url: str | Path) -> Iterator[None]:
    """
    Say what somebody has to mend; whatever else a storage's client raises is left to the task's retries.

    :param url: What is read or written.
    :raises ObjectStorageError: The storage has no such object or bucket, or refuses the connection's credentials.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _missing(url) from error
    except PermissionError as error:
        raise ObjectStorageError(
            f"The storage refuses {str(url)!r}: {error}. Check the credentials of the connection in the URL (in front "
            "of its @), and what they are allowed to do."
        ) from error


def _missing(url: str | Path) -> ObjectStorageError:
    return ObjectStorageError(
        f"There is no file or bucket {str(url)!r}. Check the URL, and the task that writes what it names."
    )


@contextmanager
def stage_file(path: str | Path, *, scratch_dir: str | Path | None) -> Iterator[Path]:
    """
    Give a file on the worker: the file itself, or a copy of an object, in a scratch folder that is removed afterwards.

    :param path: A path, or a URL.
    :param scratch_dir: Where the copy is made; without it, in the system's temporary folder.
    :raises WorkerResourceError: The disk of ``scratch_dir`` is full.
    :raises ObjectStorageError: There is no such object, or it can't be read with the connection's credentials.
    """
    found = storage_path(path)
    # On Airflow 2.11, an ObjectStoragePath is a Path too.
    if not isinstance(found, ObjectStoragePath):
        yield found
        return
    if not found.name:
        # A bucket alone.
        raise _missing(path)
    with Scratch(scratch_dir) as scratch:
        log.info("Copying %s to the worker", path)
        with (
            storage_errors(path),
            system_errors(name=display_name(found.name), folder=scratch_dir, only_resources=True),
        ):
            # Its own name: the upload shows it to IQM.
            copy = scratch.new_file(found.name)
            storage = storage_filesystem(found)
            with storage.open(found.path, "rb", block_size=_REQUEST_BYTES) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, _PIECE_BYTES)
        yield copy
