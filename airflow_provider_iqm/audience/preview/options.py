"""The arguments of the dry run, as every command line that has it takes them."""

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
    An argument of a command line.

    :param flags: How it is written.
    :param facts: The other arguments of ``ArgumentParser.add_argument``, which are those of Airflow's ``Arg`` too.
    """

    flags: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


def pairs(text: str) -> dict[str, str]:
    """Read a JSON object, or ``NAME=VALUE,NAME=VALUE``."""
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise ArgumentTypeError("it is no JSON object") from error
    found = [item.rpartition("=") for item in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in found):
        raise ArgumentTypeError("write NAME=VALUE,NAME=VALUE or a JSON object")
    return {name.strip(): value.strip() for name, _, value in found}


def _option(*flags: str, **facts: Any) -> Option:
    return Option(flags, facts)


OPTIONS = (
    _option("file", type=Path, metavar="FILE", help="CSV or XLSX file"),
    _option("--columns", type=pairs, help='mapping: email=Email,zip=Zip or {"email": "Email"}'),
    _option("--suggest", action="store_true", help="suggest a mapping from the header, instead of --columns"),
    _option("--column-settings", type=pairs, help="settings: Email=Raw or a JSON object"),
    _option("--hash", type=pairs, dest="hash_columns", help="columns to hash: email=SHA256"),
    _option("--delimiter", help="field delimiter (default: detected)"),
    _option("--encoding", help="Python's name of the encoding (default: from the byte order mark, or utf-8)"),
    _option("--sheet", help="sheet of the workbook (default: the first)"),
    _option("--normalize", action="store_true", help="normalize the mapped values"),
    _option(
        "--phone-format",
        choices=["10-digit", "E.164"],
        default="10-digit",
        help="format of normalized phones (default: 10-digit)",
    ),
    _option("--drop-duplicates", action="store_true", help="drop duplicate records"),
    _option("--on-invalid-records", choices=["drop", "fail"], help="what to do with records that can't match"),
    _option(
        "--max-invalid-ratio",
        type=float,
        default=0.1,
        help="largest share of invalid records that is accepted (default: 0.1)",
    ),
    _option("--scratch-dir", type=Path, help="folder for temporary copies (default: the system's)"),
)
"""The options of a dry run."""

EXIT_STATUS = "Exit status: 0 the upload's checks pass, 1 they fail, 2 wrong usage."
