"""The multipart form of an upload (RFC 7578): the bytes before and after a file that is streamed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """
    A form with one file.

    The fields precede the file, so that a server can refuse them without reading it.

    :param fields: The form's other fields, in order.
    :param file_name: The file name in the form.
    :param media_type: The file's media type.
    :param media_types: The media types of the other fields that aren't plain text.
    """

    # Not in the repr, which ends up in logs: they contain values of the list.
    fields: Mapping[str, str] = field(repr=False)
    file_name: str
    media_type: str
    media_types: Mapping[str, str] = field(default_factory=dict)
    boundary: str = field(default_factory=lambda: f"----iqm-{secrets.token_hex(16)}")

    @property
    def content_type(self) -> str:
        """The value of the request's ``Content-Type`` header."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def prefix(self) -> bytes:
        """The bytes before the file."""
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n'
            f"{self._content_type(name)}\r\n{value}\r\n"
            for name, value in self.fields.items()
        ]
        parts.append(
            f"--{self.boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{_quoted(self.file_name)}"\r\n'
            f"Content-Type: {self.media_type}\r\n\r\n"
        )
        return "".join(parts).encode()

    def _content_type(self, name: str) -> str:
        return f"Content-Type: {self.media_types[name]}\r\n" if name in self.media_types else ""

    @property
    def suffix(self) -> bytes:
        """The bytes after the file."""
        return f"\r\n--{self.boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    # As in browsers (WHATWG HTML, "multipart/form-data encoding algorithm").
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
