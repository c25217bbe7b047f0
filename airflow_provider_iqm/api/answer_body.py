"""Decodes a response's body in bounded memory: a compressed megabyte can decompress to gigabytes, and JSON to more."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any, NoReturn

MAX_ANSWER_BYTES = 32 << 20
"""The maximum size of a decompressed response; IQM's largest, a page of 1,000 audiences, has about 2 MB."""

ACCEPT_ENCODING = "gzip"
"""The compression that requests accept. Others aren't needed, and not every HTTP client can limit their output."""

MAX_VALUES = 2_000_000
"""The maximum number of values in a response: an empty list takes three bytes of JSON, but seventy in memory."""

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE = -15

_MAX_CODINGS = 3
_MAX_GZIP_MEMBERS = 100


class AnswerTooLargeError(Exception):
    """The response is larger than :data:`MAX_ANSWER_BYTES`."""


def decode_body(body: bytes, content_encoding: str) -> bytes:
    """
    Return a decompressed body.

    :param body: The body as received.
    :param content_encoding: The header ``Content-Encoding``; empty if there is none.
    :raises AnswerTooLargeError: The body is too large, compressed or not.
    :raises ValueError: The body doesn't match the header, or its compression isn't gzip or deflate.
    """
    if len(body) > MAX_ANSWER_BYTES:
        raise AnswerTooLargeError
    codings = [coding for part in content_encoding.split(",") if (coding := part.strip().lower())]
    if len(codings) > _MAX_CODINGS:
        raise ValueError("compressed too often")
    for coding in reversed(codings):
        if coding == "identity" or not body:
            continue
        if coding not in _WINDOW_BITS:
            raise ValueError("an unknown Content-Encoding")
        body = _decompress(body, _WINDOW_BITS[coding])
    return body


def parse_json(body: bytes) -> Any:
    """
    Return the JSON document in a body, with only finite numbers and valid Unicode.

    :param body: The body, decompressed.
    :raises ValueError: The body isn't JSON, or has too many values.
    :raises RecursionError: The document is nested too deeply.
    """
    text = body.decode(json.detect_encoding(body))
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise ValueError("too many values")
    document = json.loads(text, parse_float=_finite, parse_constant=_refuse)
    if "\\ud" in text.lower():
        # Half a surrogate pair can't be written to a log or a database.
        valid = json.dumps(document, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        document = json.loads(valid)
    return document


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is too large")
    return number


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number")


def _decompress(body: bytes, window_bits: int) -> bytes:
    try:
        return _inflate(body, window_bits)
    except zlib.error as error:
        if window_bits != _WINDOW_BITS["deflate"]:
            raise ValueError("not compressed as declared") from error
    try:
        # Some servers send "deflate" without zlib's header.
        return _inflate(body, _RAW_DEFLATE)
    except zlib.error as error:
        raise ValueError("not compressed as declared") from error


def _inflate(body: bytes, window_bits: int) -> bytes:
    members: list[bytes] = []
    left = MAX_ANSWER_BYTES
    while True:
        decompressor = zlib.decompressobj(window_bits)
        members.append(decompressor.decompress(body, left + 1))
        left -= len(members[-1])
        if left < 0:
            raise AnswerTooLargeError
        if not decompressor.eof:
            raise ValueError("truncated")
        body = decompressor.unused_data
        if not (window_bits == _WINDOW_BITS["gzip"] and body.startswith(b"\x1f\x8b")):
            return b"".join(members)
        if len(members) == _MAX_GZIP_MEMBERS:
            raise ValueError("compressed in too many pieces")
