"""Detect a file's type by its first bytes."""

from __future__ import annotations

import codecs
import re

from airflow_provider_iqm.exceptions import AudienceFileError

HEAD_BYTES = 4096
"""Number of bytes that :func:`check_signature` needs."""

_ZIP = b"PK\x03\x04"

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (
        _ZIP,
        "an Excel workbook or another zip archive",
        "If it is a workbook, name it .xlsx; otherwise, unpack it.",
    ),
    (b"PK\x05\x06", "an empty zip archive", "Use the CSV file itself."),
    (b"\x1f\x8b", "gzip-compressed", "Decompress it first."),
    (b"BZh", "bzip2-compressed", "Decompress it first."),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "Decompress it first."),
    (b"\xfd7zXZ\0", "xz-compressed", "Decompress it first."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it first."),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it first."),
    (b"%PDF", "a PDF document", "Export the list as CSV or XLSX."),
    (b"{\\rtf", "a rich text document", "Export the list as CSV or XLSX."),
    (b"PAR1", "a Parquet file", "Export the list as CSV."),
    (b"Obj\x01", "an Avro file", "Export the list as CSV."),
    (b"ARROW1\0", "an Arrow file", "Export the list as CSV."),
    (b"SQLite format 3\0", "an SQLite database", "Export the list as CSV."),
    (b"\x89PNG\r\n", "an image", "Export the list as CSV or XLSX."),
    (b"\xff\xd8\xff", "an image", "Export the list as CSV or XLSX."),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a legacy Excel file (.xls), or a workbook with a password",
        "Save it as CSV or as XLSX without a password.",
    ),
    (codecs.BOM_UTF16_LE, "text in UTF-16", "Save it as CSV in UTF-8."),
    (codecs.BOM_UTF16_BE, "text in UTF-16", "Save it as CSV in UTF-8."),
)

# Starts of text files, after white space; long enough not to match the header of a CSV file.
_TEXTS = {
    rb"<(!doctype|\?xml|!--|(html|head|body|table)\b|[a-z][\w:.-]*(\s[^<>]*)?>\s*<)": (
        "an HTML or XML page, not a list",
        "Check the download or export: the page may be an error.",
    ),
    rb"\{\s*([\"'}]|\Z)|\[\s*([\[{\"'\](]|-?\d[\d.]*\s*,|null\b|true\b|false\b|\Z)": (
        "JSON",
        "Export the list as CSV, or convert it with a tool such as pandas.",
    ),
    rb"insert\s+into\s|create\s+(table|database)\s|drop\s+table\s|copy\s+\S+\s*(\(.*?\)\s*)?from\s+stdin"
    rb"|begin(\s+transaction)?\s*;|set\s+@{0,2}\w+\s*=|pragma\s+\w+\s*=|/\*!|--[^\n]*\n?[^\n]*(dump|database)": (
        "an SQL dump, not a list",
        "Export the list as CSV.",
    ),
    rb"begin:vcard": ("a vCard file, not a list", "Export the contacts as CSV."),
}
_FORMS = {re.compile(pattern, re.IGNORECASE): known for pattern, known in _TEXTS.items()}


def check_signature(head: bytes, *, name: str, workbook: bool) -> None:
    """
    Check that a file's content matches its suffix.

    :param head: The file's first :data:`HEAD_BYTES` bytes, or the whole file.
    :param name: The file's name, for messages.
    :param workbook: Whether the suffix is ``.xlsx`` rather than ``.csv``.
    :raises AudienceFileError: The content is something else.
    """
    if workbook and head.startswith(_ZIP):
        return
    found = _detect(head)
    if workbook:
        what, advice = found or ("not a workbook", "Rename it to .csv if it is CSV, or save it as XLSX.")
        raise AudienceFileError(f"{name}: the name says XLSX, but the content is {what}. {advice}")
    if found:
        what, advice = found
        raise AudienceFileError(f"{name}: the name says CSV, but the content is {what}. {advice}")


def _detect(head: bytes) -> tuple[str, str] | None:
    """Return a description of the content and advice; ``None`` if it may be CSV."""
    for signature, what, advice in _SIGNATURES:
        if head.startswith(signature):
            return what, advice
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for pattern, known in _FORMS.items():
        if pattern.match(text):
            return known
    # UTF-16 without a byte order mark: every other byte of Latin text is NUL.
    if head[:64].count(0) * 3 >= len(head[:64]) > 0 and (0 in head[1:2] or 0 in head[:1]):
        return "text in UTF-16", 'Set encoding="utf-16-le" or encoding="utf-16-be", or save it as CSV in UTF-8.'
    return None
