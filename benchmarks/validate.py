"""Validating and hashing a CSV file, compared with DuckDB's strict parser and the standard library's ``csv``."""

from __future__ import annotations

from pathlib import Path

from lists import HEADER, write_list
from side_by_side import OURS, AtLeast, AtMost, Work, run_way

TITLE = "validate, count, sample, hash a CSV file"
DUCKDB, STDLIB = "DuckDB's strict parser", "standard library's csv"
GOALS = [AtMost(DUCKDB, 1.3), AtLeast(STDLIB, 3)]
MEMORY = 64


def prepare(folder: Path, scale: float) -> list[str]:
    return [str(write_list(folder / "list.csv", records=int(5_000_000 * scale)))]


def by_us(path: str) -> Work:
    from airflow_provider_iqm.audience.upload import prepare_upload

    def prepare() -> int:
        with prepare_upload(
            file_path=path, audience_name="List", columns={"email": "Email"}, column_settings={"Email": "Raw"}
        ) as upload:
            return upload.file.records

    return prepare


def by_duckdb(path: str) -> Work:
    import duckdb

    columns = dict.fromkeys(HEADER, "VARCHAR")
    counts = ", ".join(f"count({name})" for name in HEADER)
    query = (
        f"SELECT {counts} FROM read_csv('{path}', columns = {columns}, auto_detect = false, header = true, "
        """delim = ',', quote = '"', escape = '"', strict_mode = true)"""
    )
    return lambda: duckdb.execute(query).fetchone()[0]


def by_csv(path: str) -> Work:
    import csv

    def read() -> int:
        with Path(path).open(encoding="utf-8", newline="") as file:
            return sum(1 for _ in csv.reader(file, strict=True)) - 1

    return read


WAYS = {OURS: by_us, DUCKDB: by_duckdb, STDLIB: by_csv}

if __name__ == "__main__":
    run_way(WAYS)
