"""The blocks of a file that must be UTF-8 text, checked and hashed as they are read."""

from __future__ import annotations

import codecs
import hashlib
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.damage.garbled import GarbledCounter
from airflow_provider_iqm.files.blocks import read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_iqm.audience.damage.damage import Damage

BLOCK_BYTES = 1 << 19
"""The size of a block: small enough for the processor's cache, large enough to make Python's overhead negligible."""

_LONGEST_GARBLED = 5


class IrregularCSVError(Exception):
    """The file is malformed, or only the exact reader can parse it."""


class CheckedBlocks:
    """
    Reads a file in blocks; after the last one, its hash and its damage are known.

    :param path: The file.
    :param name: The file's name, for messages.
    :raises IrregularCSVError: A block isn't UTF-8, or contains NUL.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        self._path = path
        self._name = name
        self._sha256 = hashlib.sha256()
        self._garbled = GarbledCounter()

    def __iter__(self) -> Iterator[bytes]:
        incomplete = before = b""
        for block in read_blocks(self._path, BLOCK_BYTES, name=self._name, packed=False):
            self._sha256.update(block)
            self._garbled.add_bytes(block, carried=before)
            before = (before + block[-_LONGEST_GARBLED:])[-_LONGEST_GARBLED:]
            incomplete = check_text(incomplete + block if incomplete else block)
            yield block
        if incomplete:
            raise IrregularCSVError

    @property
    def sha256(self) -> str:
        """SHA-256 of the file in hex."""
        return self._sha256.hexdigest()

    @property
    def garbled(self) -> tuple[Damage, ...]:
        """Text that was decoded in the wrong encoding."""
        return self._garbled.damage()


def check_text(text: bytes) -> bytes:
    """
    Check that bytes are UTF-8 without NUL, and return those at the end that are an incomplete character.

    :param text: The bytes.
    :raises IrregularCSVError: They aren't.
    """
    if 0 in text:
        raise IrregularCSVError
    if text.isascii():
        return b""
    try:
        _, used = codecs.utf_8_decode(text, "strict", False)  # noqa: FBT003 - takes no keywords
    except UnicodeDecodeError:
        # Its text would be part of the traceback.
        used = -1
    if used < 0:
        raise IrregularCSVError
    return text[used:]
