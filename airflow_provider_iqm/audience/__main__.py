"""``python -m airflow_provider_iqm.audience``: what an upload would send, without Airflow, IQM or a connection."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_iqm.audience.csv_exact import read_header, read_records
from airflow_provider_iqm.audience.original import Reading, plain_file
from airflow_provider_iqm.audience.scratch import Scratch
from airflow_provider_iqm.audience.suggest import suggest_mapping
from airflow_provider_iqm.audience.upload import AudienceUpload, prepare_upload
from airflow_provider_iqm.audience.xlsx import read_rows
from airflow_provider_iqm.exceptions import CleaningOptionError, IQMError, ReadingOptionError


def _pairs(text: str) -> dict[str, str]:
    """Read a JSON object, or ``NAME=VALUE,NAME=VALUE``."""
    if text.lstrip().startswith("{"):
        try:
            pairs = json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError("it is no JSON object") from error
        return dict(pairs)
    found = [item.rpartition("=") for item in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in found):
        raise argparse.ArgumentTypeError("write NAME=VALUE,NAME=VALUE or a JSON object")
    return {name.strip(): value.strip() for name, _, value in found}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_iqm.audience",
        description="Tell what an upload would send and what is wrong with it. Nothing is sent.",
        epilog="Exit status: 0 the upload's checks pass, 1 they fail, 2 wrong usage.",
    )
    parser.add_argument("file", type=Path, help="CSV or XLSX file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--columns", type=_pairs, help='mapping: email=Email,zip=Zip or {"email": "Email"}')
    what.add_argument("--suggest", action="store_true", help="propose a mapping from the header")
    parser.add_argument("--column-settings", type=_pairs, help="settings: Email=Raw or a JSON object")
    parser.add_argument("--hash", type=_pairs, dest="hash_columns", help="columns to hash: email=SHA256")
    parser.add_argument("--delimiter", help="what stands between two values")
    parser.add_argument("--encoding", help="the text's encoding, by Python's name")
    parser.add_argument("--sheet", help="the workbook's sheet")
    parser.add_argument("--normalize", action="store_true")
    parser.add_argument("--phone-format", choices=["10-digit", "E.164"], default="10-digit")
    parser.add_argument("--drop-duplicates", action="store_true")
    parser.add_argument("--on-invalid-records", choices=["drop", "fail"])
    parser.add_argument("--max-invalid-ratio", type=float, default=0.1)
    parser.add_argument("--scratch-dir", type=Path)
    return parser


def _suggest(path: Path, reading: Reading, scratch_dir: Path | None) -> None:
    suggestion = suggest_mapping(_header(path, reading, scratch_dir))
    print(json.dumps(suggestion.columns, ensure_ascii=False))
    print(json.dumps(suggestion.settings, ensure_ascii=False))
    print(f"Matched by: {suggestion.kind.label if suggestion.kind else 'nothing yet'}")
    print(f"Not placed: {', '.join(suggestion.unplaced) or 'none'}")


def _header(path: Path, reading: Reading, scratch_dir: Path | None) -> tuple[str, ...]:
    with Scratch(scratch_dir) as scratch:
        plain = plain_file(path, columns=(), reading=reading, scratch=scratch, cleaned=False, limited=False)
        read = read_rows if plain.path.suffix.lower() == ".xlsx" else read_records
        return read_header(read(plain.path, name=plain.name), name=plain.name)[1]


def _describe(upload: AudienceUpload) -> None:
    file, mapping = upload.file, upload.mapping
    samples = {column: [_masked(value) for value in values] for column, values in file.samples.items()}
    print(f"File:       {file.name}")
    print(f"Records:    {file.records:,}")
    print(f"Bytes:      {file.size:,}")
    print(f"Matched by: {mapping.kind.label}")
    print(f"Columns:    {json.dumps(mapping.columns, ensure_ascii=False)}")
    print(f"Settings:   {json.dumps(mapping.settings)}")
    print(f"First values, masked: {json.dumps(samples, ensure_ascii=False)}")
    for damage in file.damage:
        print(f"Warning:    {damage}")
    if upload.report:
        print(f"Cleaning:\n{upload.report}")


def _masked(value: str) -> str:
    """Leave nothing of a value but its length and its punctuation."""
    return "".join(mark if mark.isascii() and not mark.isalnum() else "x" for mark in value)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the dry run.

    :param arguments: The command line's arguments; ``None`` for those of this process.
    :return: The exit status.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    path, suggest = options.pop("file"), options.pop("suggest")
    try:
        if suggest:
            keys = ("delimiter", "encoding", "sheet")
            _suggest(path, Reading(**{key: options[key] for key in keys}), options["scratch_dir"])
        else:
            with prepare_upload(file_path=path, audience_name=path.name, **options) as upload:
                _describe(upload)
    except (CleaningOptionError, ReadingOptionError) as error:
        parser.error(str(error))
    except IQMError as error:
        print(f"The upload would fail: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
