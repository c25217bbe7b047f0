"""Read a file in blocks, decompressing gzip."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.reading_progress import report_progress
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file (RFC 1952)."""


def read_blocks(path: Path, size: int, *, name: str, packed: bool) -> Iterator[bytes]:
    """
    Read a file in blocks.

    :param path: The file.
    :param size: Maximum size of a block, in bytes.
    :param name: The file's name, for messages.
    :param packed: Whether to decompress gzip.
    :raises AudienceFileError: The gzip file is damaged; raised when the damage is reached.
    """
    if not packed:
        with path.open("rb", buffering=0) as plain:
            while block := plain.read(size):
                report_progress(plain.tell())
                yield block
        return
    unpacked, damage = 0, ""
    with path.open("rb") as packed_file, gzip.open(packed_file) as file:
        while not damage:
            try:
                block = file.read(size)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                damage = _describe_damage(error)
            else:
                if not block:
                    return
                unpacked += len(block)
                report_progress(packed_file.tell())
                yield block
    raise AudienceFileError(
        f"{name}: the gzip file is damaged or cut off: {damage}"
        + (f" (after at least {count_of(unpacked, 'decompressed byte')})" if unpacked else "")
        + ". Write or copy it again."
    )


def _describe_damage(error: Exception) -> str:
    """Describe the damage without the error's message, which quotes bytes of the file."""
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, zlib.error):
        return "its compressed data is invalid"
    if "Not a gzipped file" in str(error):
        return "its data is followed by something that isn't gzip"
    return "its checksum, length or header is invalid"
