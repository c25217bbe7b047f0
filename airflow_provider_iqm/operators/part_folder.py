"""Writes the parts of a split list to a folder on the worker or in object storage."""

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


def write_parts(parts: Sequence[Path], folder: str | Path, *, list_name: str) -> list[str]:
    """
    Write the parts of a list to a folder, and delete the parts of an earlier run.

    Each part is written completely or not at all. The parts are named ``<file name of the list>.part-1-of-3.csv`` and
    so on, so that lists with different file names can share a folder.

    :param parts: The parts' files, in order.
    :param folder: A path, which is created if it doesn't exist, or a URL of object storage, whose bucket must exist.
    :param list_name: The file name of the list.
    :return: The parts' paths or URLs.
    :raises WorkerResourceError: The folder's disk is full.
    :raises CleaningOptionError: The folder isn't writable, or its name isn't UTF-8, so XCom can't carry it.
    :raises ObjectStorageError: The bucket doesn't exist, or access is denied.
    """
    if not is_unicode(str(folder)):
        raise CleaningOptionError(
            f"The name of output_dir ({str(folder)!r}) isn't UTF-8, so its path can't be passed to the uploads. "
            "Choose another folder."
        )
    list_name = as_unicode(list_name)
    names = [
        f"{list_name}.part-{number}-of-{len(parts)}{part.suffix.lower()}" for number, part in enumerate(parts, start=1)
    ]
    own_parts = re.compile(rf"\.?{re.escape(list_name)}\.part-\d+-of-\d+\.(csv|xlsx)(\.partial)?")
    target = storage_path(folder)
    named_parts = dict(zip(names, parts, strict=True))
    # On Airflow 2.11, an ObjectStoragePath is a Path too.
    if isinstance(target, ObjectStoragePath):
        return _write_to_bucket(named_parts, target, own_parts)
    with system_errors(name=display_name(list_name), folder=target, argument="output_dir"):
        return _write_to_folder(named_parts, target, own_parts)


def _write_to_folder(parts: dict[str, Path], folder: Path, own_parts: re.Pattern[str]) -> list[str]:
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
            # Free the space on a full disk.
            partial.unlink(missing_ok=True)
    for path in folder.iterdir():
        if own_parts.fullmatch(path.name) and path.name not in parts:
            path.unlink(missing_ok=True)
    return [str(folder / name) for name in parts]


def _write_to_bucket(parts: dict[str, Path], folder: ObjectStoragePath, own_parts: re.Pattern[str]) -> list[str]:
    storage = storage_filesystem(folder)
    # By default, s3fs and adlfs buffer ten chunks of 50 MB in memory.
    options = {"max_concurrency": 1} if hasattr(storage, "max_concurrency") else {}
    with storage_errors(str(folder)):
        for name, part in parts.items():
            # put_file() creates complete objects only; open() would leave a truncated one after an error.
            storage.put_file(str(part), (folder / name).path, **options)
        storage.invalidate_cache()
        for path in storage.ls(folder.path, detail=False):
            name = path.rsplit("/", 1)[-1]
            if own_parts.fullmatch(name) and name not in parts:
                storage.rm_file(path)
    return [str(folder / name) for name in parts]
