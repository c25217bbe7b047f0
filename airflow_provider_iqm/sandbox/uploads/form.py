"""Reads the upload form as a stream, in constant memory."""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.audiences import UploadedFile
from airflow_provider_iqm.sandbox.uploads.records import CsvReader
from airflow_provider_iqm.sandbox.uploads.workbook import WorkbookReader

# Far more than the metadata of a thousand columns needs.
MAX_FIELD_BYTES = 8 * 1024 * 1024
# File suffix → media type, as documented for the form.
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ZIP_MAGIC = b"PK\x03\x04"


class _FileReader(Protocol):
    def feed(self, data: bytes) -> None: ...
    def finish(self) -> tuple[tuple[str, ...], int]: ...


class FilePart:
    """
    The form's ``file``, processed as a stream.

    :param name: file name.
    :param media_type: media type.
    :param settings: settings with the maximum size, and whether to keep the file.
    :param any_type: a media type that is accepted for any file, if there is one.
    """

    def __init__(self, name: str, media_type: str, settings: SandboxSettings, any_type: str | None) -> None:
        ending = Path(name).suffix.lower()
        if MEDIA_TYPES.get(ending) is None:
            raise _refused_file("The file's name must end in .csv or .xlsx.")
        if media_type not in {MEDIA_TYPES[ending], any_type}:
            raise _refused_file(f"The media type of a {ending} file must be {MEDIA_TYPES[ending]}.")
        self._name = name
        self._settings = settings
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._is_csv = ending == ".csv"
        self._workbook = None if self._is_csv else WorkbookReader()
        self._reader: _FileReader = self._workbook or CsvReader()
        self._kept: IO[bytes] | None = None
        if settings.keep_files is not None:
            # 0600, and under a temporary name until it is validated.
            self._kept = tempfile.NamedTemporaryFile(dir=settings.keep_files, prefix=".upload-", delete=False)  # noqa: SIM115

    def feed(self, data: bytes) -> None:
        """
        Process the next piece.

        :param data: bytes of any length.
        """
        if self._is_csv and not self._size and data.startswith(_ZIP_MAGIC):
            raise _refused_file("The file's name ends in .csv, but it is a zip archive or a workbook.")
        self._size += len(data)
        if self._size > self._settings.max_file_bytes:
            raise _refused_file(f"The file is larger than {self._settings.max_file_bytes} bytes.")
        self._sha256.update(data)
        self._reader.feed(data)
        if self._kept is not None:
            self._kept.write(data)

    def finish(self) -> UploadedFile:
        """Return the file's facts. Takes seconds for a large workbook."""
        try:
            header, records = self._reader.finish()
        except ValueError as broken:
            raise _refused_file(str(broken)) from broken
        return UploadedFile(self._name, self._size, self._sha256.hexdigest(), header, records)

    def keep_as(self, name: str) -> None:
        """
        Keep the file, if the sandbox keeps files.

        :param name: file name.
        """
        if self._kept is not None:
            self._kept.close()
            source = Path(self._kept.name)
            self._kept = None
            source.replace(source.with_name(name))

    def close(self) -> None:
        """Delete the file unless it is kept."""
        if self._workbook is not None:
            self._workbook.close()
        if self._kept is not None:
            self._kept.close()
            Path(self._kept.name).unlink()


class UploadForm:
    """
    A multipart form with a file in the part ``file`` and text in all others, in any order.

    :param boundary: the boundary between the parts.
    :param settings: the sandbox's settings.
    :param any_type: a media type that is accepted for any file.
    """

    def __init__(self, boundary: bytes, settings: SandboxSettings, any_type: str | None) -> None:
        self.fields: dict[str, str] = {}
        self.media_types: dict[str, str] = {}
        self.file: FilePart | None = None
        self._settings = settings
        self._any_type = any_type
        self._complete = False
        self._headers: dict[str, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._text = bytearray()
        self._write: Callable[[bytes], object] = self._write_text
        self._field: str | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """
        Process the next piece of the body.

        :param data: bytes of any length.
        """
        try:
            self._parser.write(data)
        except FormParserError as broken:
            raise RefusedError(400, "The multipart body is malformed.") from broken

    async def finish(self) -> UploadedFile:
        """Return the file's facts."""
        if not self._complete:
            raise RefusedError(400, "The multipart body ends before its last boundary.")
        if self.file is None:
            raise _refused_file("file is required.")
        return await asyncio.to_thread(self.file.finish)

    def close(self) -> None:
        """Delete the file unless it is kept."""
        if self.file is not None:
            self.file.close()

    def _begin_part(self) -> None:
        self._headers = {}

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        disposition, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = _decoded(options.get(b"name", b""), "A part's name")
        if disposition != b"form-data" or not name:
            raise RefusedError(400, "A part of the form has no name.")
        if name in self.fields or (name == "file" and self.file is not None):
            raise RefusedError(400, f"{name} is a duplicate field.")
        media_type = parse_options_header(self._headers.get("content-type", b""))[0].decode("latin-1").lower()
        if name == "file":
            file_name = _decoded(options.get(b"filename", b""), "The file's name")
            self.file = FilePart(file_name, media_type, self._settings, self._any_type)
            self._write, self._field = self.file.feed, None
        else:
            self._text.clear()
            self.media_types[name] = media_type
            self._write, self._field = self._write_text, name

    def _write_text(self, data: bytes) -> None:
        self._text += data
        if len(self._text) > MAX_FIELD_BYTES:
            raise RefusedError(400, f"{self._field} is larger than {MAX_FIELD_BYTES} bytes.")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._write(data[start:end])

    def _end_part(self) -> None:
        if self._field is not None:
            self.fields[self._field] = _decoded(bytes(self._text), self._field)

    def _end(self) -> None:
        self._complete = True


async def read_form(request: Request, settings: SandboxSettings, *, any_type: str | None = None) -> UploadForm:
    """
    Read an upload. The caller must close the returned form.

    :param request: the request.
    :param settings: the sandbox's settings.
    :param any_type: a media type that is accepted for any file, besides its own.
    :raises RefusedError: the body isn't a valid form. Raised after reading all of it: a client that is still sending
        would see a broken connection instead of the response.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type.lower() != b"multipart/form-data" or not options.get(b"boundary"):
        raise RefusedError(400, "The body must be multipart/form-data with a boundary.")
    form = UploadForm(options[b"boundary"], settings, any_type)
    problem: RefusedError | None = None
    try:
        async for piece in request.stream():
            if problem is None:
                try:
                    form.feed(piece)
                except RefusedError as refused:
                    problem = refused
        if problem is not None:
            raise problem
    except BaseException:
        form.close()
        raise
    return form


def _refused_file(message: str) -> RefusedError:
    return RefusedError(400, Problem(message, "file"))


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as broken:
        raise RefusedError(400, f"{what} is not UTF-8.") from broken
