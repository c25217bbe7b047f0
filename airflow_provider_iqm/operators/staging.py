"""A file in object storage, copied to where it can be checked, for as long as it is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_iqm.audience.scratch import Scratch
from airflow_provider_iqm.exceptions import AudienceFileError

_PIECE_BYTES = 1 << 20


def storage_path(path: str | Path) -> Path | ObjectStoragePath:
    """
    Tell a path on the worker from a URL of object storage; ``file://`` is the worker's own.

    :param path: A path, or a URL as Airflow's ``ObjectStoragePath`` takes it, with its connection before the ``@``.
    """
    if "://" not in str(path):
        return Path(path)
    url = ObjectStoragePath(str(path))
    return Path(url.path) if url.protocol == "file" else url


@contextmanager
def staged(path: str | Path, *, scratch_dir: str | Path | None) -> Iterator[Path]:
    """
    Give a file on the worker: the file itself, or a copy of an object, in a scratch folder that is removed afterwards.

    :param path: A path, or a URL.
    :param scratch_dir: Where the copy is made; without it, in the system's temporary folder.
    :raises AudienceFileError: There is no such object.
    """
    found = storage_path(path)
    # On Airflow 2.11, an ObjectStoragePath is a Path too.
    if not isinstance(found, ObjectStoragePath):
        yield found
        return
    with Scratch(scratch_dir) as scratch:
        # Its own name: the upload shows it to IQM.
        copy = scratch.new_file(found.name)
        try:
            with found.fs.open(found.path, "rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, _PIECE_BYTES)
        except FileNotFoundError:
            pass
        else:
            yield copy
            return
    raise AudienceFileError(f"{found.name}: there is no file {str(path)!r}. Check the URL and the task that writes it.")
