"""Validating a workbook, compared with openpyxl's read-only mode."""

from __future__ import annotations

import csv
from pathlib import Path

from lists import write_list
from side_by_side import OURS, AtLeast, Work, run_way

TITLE = "validate, count, sample an XLSX file"
OPENPYXL = "openpyxl's read-only mode"
GOALS = [AtLeast(OPENPYXL, 6)]
MEMORY = 64


def prepare(folder: Path, scale: float) -> list[str]:
    import openpyxl

    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    with write_list(folder / "short.csv", records=int(300_000 * scale)).open(encoding="utf-8", newline="") as file:
        for record in csv.reader(file):
            sheet.append(record)
    path = folder / "list.xlsx"
    workbook.save(path)
    return [str(path)]


def by_us(path: str) -> Work:
    from airflow_provider_iqm.audience.upload import prepare_upload

    def prepare() -> int:
        with prepare_upload(
            file_path=path, audience_name="List", columns={"email": "Email"}, column_settings={"Email": "Raw"}
        ) as upload:
            return upload.file.records

    return prepare


def by_openpyxl(path: str) -> Work:
    import openpyxl

    def read() -> int:
        return sum(1 for _ in openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True)) - 1

    return read


WAYS = {OURS: by_us, OPENPYXL: by_openpyxl}

if __name__ == "__main__":
    run_way(WAYS)
