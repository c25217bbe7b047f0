"""A file's bytes in blocks, unpacked on the way where it is gzip-compressed."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.reading_progress import tell_read
from airflow_provider_iqm.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP = b"\x1f\x8b"
"""What a gzip file begins with (RFC 1952)."""


def read_blocks(path: Path, size: int, *, name: str, packed: bool) -> Iterator[bytes]:
    """
    Read a file, a block at a time.

    :param path: The file.
    :param size: How many bytes a block has at most.
    :param name: The file's name, for messages.
    :param packed: Whether it is gzip-compressed, to be unpacked.
    :raises AudienceFileError: It can't be unpacked, when that is found out.
    """
    if not packed:
        with path.open("rb", buffering=0) as plain:
            while block := plain.read(size):
                tell_read(plain.tell())
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
                tell_read(packed_file.tell())
                yield block
    raise AudienceFileError(
        f"{name}: the gzip file is damaged or cut off: {damage}"
        + (f" (after {count_of(unpacked, 'unpacked byte')} or more)" if unpacked else "")
        + ". Write or copy it again."
    )


def _describe_damage(error: Exception) -> str:
    """Say what is wrong; not in the error's own words, which quote bytes of the file."""
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, zlib.error):
        return "its compressed data is invalid"
    if "Not a gzipped file" in str(error):
        return "something that isn't gzip follows the end of its data"
    return "its checksum, its length or its header is wrong"
