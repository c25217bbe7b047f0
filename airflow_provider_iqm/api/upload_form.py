"""The multipart form of an upload (RFC 7578): the bytes before and after a file that is streamed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """
    A form with one file.

    The fields stand before the file, so that a server can refuse them without reading it.

    :param fields: The form's other fields, in order.
    :param file_name: The name that the file has in the form.
    :param media_type: The file's media type.
    :param media_types: The media types of the other fields, where they are no plain text.
    """

    # The first values of a list are in them, and a repr ends up in logs.
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
        """All that comes before the file's first byte."""
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
        """All that comes after the file's last byte."""
        return f"\r\n--{self.boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    # As browsers do it (WHATWG HTML, "multipart/form-data encoding algorithm").
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
