"""Validating lists that are slow to check, compared per byte with a plain one."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_iqm.audience.upload import prepare_upload

GOAL = 3
"""The most a byte may cost, as a multiple of the plain list's."""

BYTES = 100_000_000
MIN_BYTES = 4_000_000
"""Shorter lists are read in another way."""

PLAIN = "plain"
PERSON = ["{0}@b.example", "Alexandria", "Featherstonehaugh", "{0} Martin Luther King Blvd", "NY", "00501", "x", "y"]

CASES = {
    PLAIN: (PERSON, {}),
    "every field quoted": (PERSON, {"quoting": csv.QUOTE_ALL}),
    "CRLF": (PERSON, {"lineterminator": "\r\n"}),
    "50 % non-ASCII": ([*PERSON[:1], *["éñ漢字 São" * 2] * 3, *PERSON[4:]], {}),
    "500 columns": (["{0}@b.example", *["value"] * 499], {}),
    "fields of 60 KB": (["{0}@b.example", "a" * 60_000, "x,\n" * 20_000], {}),
}


def main(folder: Path, *, scale: float, rounds: int) -> None:
    """Print a table of the cases."""
    paths = {case: write_case(folder / f"{number}.csv", case, scale) for number, case in enumerate(CASES)}
    measured: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(rounds):
        for case, path in paths.items():
            measured[case].append(seconds_per_gb(path))
    print(f"| list | s per GB | of a plain list's time (at most {GOAL}) | met |\n| --- | --- | --- | --- |")
    for case, seconds in measured.items():
        ratio = statistics.median(ours / plain for ours, plain in zip(seconds, measured[PLAIN], strict=True))
        print(f"| {case} | {statistics.median(seconds):.2f} | {ratio:.2f} | {'yes' if ratio <= GOAL else 'no'} |")


def write_case(path: Path, case: str, scale: float) -> Path:
    values, options = CASES[case]
    size = max(MIN_BYTES, int(BYTES * scale))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **options})
        writer.writerow(["email", *(f"column {number}" for number in range(1, len(values)))])
        for record in records(values):
            writer.writerow(record)
            if file.buffer.tell() > size:
                return path
    raise AssertionError


def records(values: list[str]) -> Iterator[list[str]]:
    number = 0
    while True:
        number += 1
        yield [value.format(number) if value.startswith("{") else value for value in values]


def seconds_per_gb(path: Path) -> float:
    started = time.perf_counter()
    prepare_upload(
        file_path=path, audience_name="List", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    ).close()
    return (time.perf_counter() - started) / path.stat().st_size * 1e9
