"""The folder that the parts of a list are put into, on the worker's file system or in object storage."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_iqm.exceptions import CleaningOptionError
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.operators.staging import storage_errors, storage_filesystem, storage_path
from airflow_provider_iqm.wording import as_unicode, display_name, is_unicode


def put_parts(parts: Sequence[Path], folder: str | Path, *, list_name: str) -> list[str]:
    """
    Put the parts of a list into a folder, each complete or not at all, in the place of an earlier run's.

    They are called ``<list's file name>.part-1-of-3.csv`` and so on, so lists of different names never meet.

    :param parts: The parts' files, in order.
    :param folder: A path, which is made if it isn't there, or a URL of object storage; a bucket is not made.
    :param list_name: The list's own file name.
    :return: The parts' paths or URLs.
    :raises WorkerResourceError: The folder's disk is full.
    :raises CleaningOptionError: The folder can't be written to, or its name isn't UTF-8, so that it can't be handed on
        to the uploads.
    :raises ObjectStorageError: There is no such bucket, or the connection's credentials may not write to it.
    """
    if not is_unicode(str(folder)):
        raise CleaningOptionError(
            f"output_dir is {str(folder)!r}, whose name isn't UTF-8, so the uploads couldn't be given its path. "
            "Give another."
        )
    list_name = as_unicode(list_name)
    names = [
        f"{list_name}.part-{number}-of-{len(parts)}{part.suffix.lower()}" for number, part in enumerate(parts, start=1)
    ]
    own = re.compile(rf"\.?{re.escape(list_name)}\.part-\d+-of-\d+\.(csv|xlsx)(\.partial)?")
    target = storage_path(folder)
    named = dict(zip(names, parts, strict=True))
    # On Airflow 2.11, an ObjectStoragePath is a Path too.
    if isinstance(target, ObjectStoragePath):
        return _put_into_bucket(named, target, own)
    with system_errors(name=display_name(list_name), folder=target, argument="output_dir"):
        return _put_into_folder(named, target, own)


def _put_into_folder(parts: dict[str, Path], folder: Path, own: re.Pattern[str]) -> list[str]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, part in parts.items():
        partial = folder / f".{name}.partial"
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as target, part.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
            partial.replace(folder / name)
        finally:
            # On a full disk, it would stand in the way of the next try.
            partial.unlink(missing_ok=True)
    for path in folder.iterdir():
        if own.fullmatch(path.name) and path.name not in parts:
            path.unlink(missing_ok=True)
    return [str(folder / name) for name in parts]


def _put_into_bucket(parts: dict[str, Path], folder: ObjectStoragePath, own: re.Pattern[str]) -> list[str]:
    storage = storage_filesystem(folder)
    # s3fs and adlfs would send ten pieces of 50 MB at a time, and hold all of them.
    one_at_a_time = {"max_concurrency": 1} if hasattr(storage, "max_concurrency") else {}
    with storage_errors(str(folder)):
        for name, part in parts.items():
            # An object shows up when it is complete; an open() that an error ends would leave what it has.
            storage.put_file(str(part), (folder / name).path, **one_at_a_time)
        storage.invalidate_cache()
        for path in storage.ls(folder.path, detail=False):
            name = path.rsplit("/", 1)[-1]
            if own.fullmatch(name) and name not in parts:
                storage.rm_file(path)
    return [str(folder / name) for name in parts]
