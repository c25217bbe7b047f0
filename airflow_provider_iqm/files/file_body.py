"""The body of an upload request, streamed from a file with a known length."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.system_errors import system_errors
from airflow_provider_iqm.wording import display_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PIECE_BYTES = 1 << 20
"""Size of a piece, the only part of the file in memory; large enough to make Python's overhead negligible."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """
    Convert errors of reading a file that was readable when it was checked.

    :param path: The file.
    :raises AudienceFileError: The file was removed, or can't be read anymore.
    :raises WorkerResourceError: The disk failed.
    """
    name = display_name(path.name)
    with system_errors(name=name, source=path):
        try:
            yield
        except FileNotFoundError as error:
            raise AudienceFileError(
                f"{name}: the file was removed after it was checked; nothing was uploaded. Keep the file until the "
                "upload is done, then run the upload again."
            ) from error


class FileBody:
    """
    The body of a request, streamed from a file; can be sent any number of times.

    ``requests`` accepts it as ``data=``: ``len()`` is the ``Content-Length``, and each time it is sent, a new iteration
    reads the file from the start. Each piece is a new ``bytes`` object, which the client may keep (aiohttp does).

    :param path: The file.
    :param size: The file's size when it was checked, in bytes.
    :param mtime_ns: The file's modification time when it was checked; ``None`` to compare the size only.
    :param prefix: Bytes to send before the file, such as the other fields of a multipart form.
    :param suffix: Bytes to send after the file.
    :param progress: Called after each piece with the bytes sent so far and the total.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int,
        mtime_ns: int | None = None,
        prefix: bytes = b"",
        suffix: bytes = b"",
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.path = path
        self.size = size
        self.mtime_ns = mtime_ns
        self.prefix = prefix
        self.suffix = suffix
        self.progress = progress

    def __len__(self) -> int:
        """Return the exact number of bytes."""
        return len(self.prefix) + self.size + len(self.suffix)

    def __iter__(self) -> Iterator[bytes]:
        """
        Yield the bytes from the start.

        :raises AudienceFileError: The file was changed or removed after it was checked, or can't be read. Raised before
            the last piece, so that the server can't mistake a part for the whole.
        """
        sent, total = 0, len(self)
        for piece in self._pieces():
            yield piece
            sent += len(piece)
            if self.progress:
                self.progress(sent, total)

    def _pieces(self) -> Iterator[bytes]:
        if self.prefix:
            yield self.prefix
        with readable(self.path):
            file = self.path.open("rb", buffering=0)
        with file:
            left = self.size
            while left:
                with readable(self.path):
                    piece = file.read(min(PIECE_BYTES, left))
                    self._check_unchanged(file.fileno())
                if not piece:
                    raise self._changed()
                left -= len(piece)
                yield piece
            self._check_unchanged(file.fileno())
        if self.suffix:
            yield self.suffix

    def _check_unchanged(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if status.st_size != self.size or self.mtime_ns not in (None, status.st_mtime_ns):
            raise self._changed()

    def _changed(self) -> AudienceFileError:
        return AudienceFileError(
            f"{display_name(self.path.name)}: the file has changed since it was checked; nothing was uploaded. "
            "Start the upload after the task that writes the file, then run it again."
        )
