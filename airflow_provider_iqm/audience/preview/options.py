"""Command-line options of the dry run, shared by all command lines that have it."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Option:
    """
    A command-line argument.

    :param flags: Name or flags.
    :param kwargs: Keyword arguments of ``ArgumentParser.add_argument``, and of Airflow's ``Arg``.
    """

    flags: tuple[str, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def parse_mapping_option(text: str) -> dict[str, str]:
    """Parse ``NAME=VALUE,NAME=VALUE`` or a JSON object."""
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise ArgumentTypeError("not a valid JSON object") from error
    found = [item.rpartition("=") for item in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in found):
        raise ArgumentTypeError("expected NAME=VALUE,NAME=VALUE or a JSON object")
    return {name.strip(): value.strip() for name, _, value in found}


def _option(*flags: str, **kwargs: Any) -> Option:
    return Option(flags, kwargs)


OPTIONS = (
    _option("file", type=Path, metavar="FILE", help="CSV or XLSX file, optionally gzip-compressed CSV (.csv.gz)"),
    _option(
        "--columns",
        type=parse_mapping_option,
        metavar="COLUMN=FIELD,…",
        help='map file columns to IQM fields: email=Email,zip=Zip or {"email": "Email"}',
    ),
    _option("--suggest", action="store_true", help="suggest a mapping from the header, instead of --columns"),
    _option(
        "--column-settings",
        type=parse_mapping_option,
        metavar="FIELD=SETTING,…",
        help="data format or data partner of a field: Email=Raw or a JSON object",
    ),
    _option(
        "--hash",
        type=parse_mapping_option,
        dest="hash_columns",
        metavar="COLUMN=ALGORITHM,…",
        help="columns to normalize and hash: email=SHA256",
    ),
    _option("--delimiter", help="field delimiter (default: detect)"),
    _option("--encoding", help="encoding of the file, such as cp1252 (default: byte order mark, or utf-8)"),
    _option("--sheet", help="sheet of the workbook (default: first sheet)"),
    _option("--normalize", action="store_true", help="normalize mapped values"),
    _option(
        "--phone-format",
        choices=["10-digit", "E.164"],
        default="10-digit",
        help="format of normalized phones (default: 10-digit)",
    ),
    _option("--drop-duplicates", action="store_true", help="drop duplicate records"),
    _option(
        "--suppress",
        type=Path,
        dest="suppression_path",
        metavar="FILE",
        help="CSV or XLSX file of people to leave out, with one or more of the mapped columns",
    ),
    _option("--on-invalid-records", choices=["drop", "fail"], help="drop invalid records, or fail"),
    _option(
        "--max-invalid-ratio",
        type=float,
        default=0.1,
        metavar="RATIO",
        help="fail if more than this share of records is invalid, from 0 to 1 (default: 0.1)",
    ),
    _option("--scratch-dir", type=Path, help="directory for temporary files (default: the system's)"),
)
"""Options of the dry run."""

EXIT_STATUS = "Exit status: 0 if the upload's checks pass, 1 if the upload would fail, 2 on a usage error."
