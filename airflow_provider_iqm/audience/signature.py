"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import codecs

from airflow_provider_iqm.exceptions import AudienceFileError

HEAD_BYTES = 4096
"""How many of a file's first bytes :func:`check_signature` wants."""

_ZIP = b"PK\x03\x04"

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (_ZIP, "an Excel workbook or another zip archive", "If it is a workbook, name it .xlsx; else unpack it."),
    (b"PK\x05\x06", "an empty zip archive", "Give the CSV file itself."),
    (b"\x1f\x8b", "gzip-compressed", "Decompress it first."),
    (b"BZh", "bzip2-compressed", "Decompress it first."),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "Decompress it first."),
    (b"%PDF", "a PDF document", "Export the list as CSV or XLSX."),
    (b"PAR1", "a Parquet file", "Export the list as CSV."),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a legacy Excel file (.xls), or a workbook with a password",
        "Save it as CSV or as XLSX without a password.",
    ),
    (codecs.BOM_UTF16_LE, "text in UTF-16", "Save it as CSV in UTF-8."),
    (codecs.BOM_UTF16_BE, "text in UTF-16", "Save it as CSV in UTF-8."),
)

_HTML_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<table", b"<head", b"<body")


def check_signature(head: bytes, *, name: str, workbook: bool) -> None:
    """
    Check that a file's content doesn't contradict its name.

    :param head: The file's first bytes, :data:`HEAD_BYTES` of them or the whole file.
    :param name: The file's name, for the message.
    :param workbook: Whether the name says XLSX rather than CSV.
    :raises AudienceFileError: The content is something else.
    """
    if workbook and head.startswith(_ZIP):
        return
    found = _recognise(head)
    if workbook:
        what, advice = found or ("not a workbook", "Name it .csv if it is CSV, or save it as XLSX.")
        raise AudienceFileError(f"{name}: the name says XLSX, but the content is {what}. {advice}")
    if found:
        what, advice = found
        raise AudienceFileError(f"{name}: the name says CSV, but the content is {what}. {advice}")


def _recognise(head: bytes) -> tuple[str, str] | None:
    """What the content is, and what to do about it; ``None`` where it may be CSV."""
    for signature, what, advice in _SIGNATURES:
        if head.startswith(signature):
            return what, advice
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(_HTML_STARTS):
        return "an HTML or XML page, not a list", "Check the download or export: the page may be an error."
    # UTF-16 without a byte order mark: every other byte of Latin text is NUL.
    if head[:64].count(0) * 3 >= len(head[:64]) > 0 and (0 in head[1:2] or 0 in head[:1]):
        return "text in UTF-16", 'Name its encoding (encoding="utf-16-le", or "utf-16-be"), or save it as CSV in UTF-8.'
    return None
