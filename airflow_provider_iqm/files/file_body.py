"""A file on its way: the body of an upload, in pieces, with a length that is known."""

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
"""The size of a piece: large enough that Python's share of the work is small, and all that is held in memory."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """
    Say what is wrong with a file that was fine when it was checked.

    :param path: The file.
    :raises AudienceFileError: The file was removed in the meantime, or can't be read any more.
    :raises WorkerResourceError: Its disk fails.
    """
    name = display_name(path.name)
    with system_errors(name=name, source=path):
        try:
            yield
        except FileNotFoundError as error:
            raise AudienceFileError(
                f"{name}: the file was removed after it was checked; nothing was uploaded. Have the task that writes "
                "it, and whatever cleans up, leave it alone until the upload is done, then run the upload again."
            ) from error


class FileBody:
    """
    The body of a request that holds a file: so many bytes, as often as they are asked for.

    ``requests`` takes it as ``data=``: it asks for ``len()``, for a true ``Content-Length``, and iterates anew each
    time it sends. Each piece is a ``bytes`` object of its own, so that a client that keeps pieces (aiohttp does) may.

    :param path: The file.
    :param size: The file's size in bytes, as it was when it was inspected.
    :param mtime_ns: When the file was last changed, as it was when it was inspected; without it, only the size is
        watched.
    :param prefix: What stands before the file, such as a multipart form's other fields.
    :param suffix: What stands behind it.
    :param progress: Called after each piece has been taken, with the bytes sent so far and the total.
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
        """Tell the exact number of bytes."""
        return len(self.prefix) + self.size + len(self.suffix)

    def __iter__(self) -> Iterator[bytes]:
        """
        Give the bytes, from the start.

        :raises AudienceFileError: The file was changed or removed since it was inspected, or can't be read. The error
            comes before the last piece, so that the server can't take what it has for the whole.
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
            "Let the task that writes it finish before the upload starts, and run the upload again."
        )
