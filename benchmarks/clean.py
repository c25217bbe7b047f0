"""Cleaning against a hand-written DuckDB ``COPY`` and against pandas."""

from __future__ import annotations

import atexit
from pathlib import Path

from lists import write_list
from side_by_side import OURS, AtLeast, AtMost, Work, run_way

TITLE = "normalize and hash (SHA-256) two columns, drop invalid records, write"
COPY, PANDAS = "hand-written COPY", "pandas and hashlib"
GOALS = [AtMost(COPY, 0.95), AtLeast(PANDAS, 6)]
MEMORY = 400

EMAIL = r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+"


def prepare(folder: Path, scale: float) -> list[str]:
    return [str(write_list(folder / "list.csv", records=int(5_000_000 * scale))), str(folder)]


def by_us(path: str, folder: str) -> Work:
    import duckdb  # noqa: F401 - the libraries of the other implementations are imported as well

    from airflow_provider_iqm.audience.upload import prepare_upload

    def clean() -> int:
        upload = prepare_upload(
            file_path=path,
            audience_name="List",
            columns={"email": "Email", "phone": "Phone"},
            hash_columns={"email": "SHA256", "phone": "SHA256"},
            scratch_dir=folder,
        )
        # The other implementations don't remove their files either.
        atexit.register(upload.close)
        return upload.file.records

    return clean


def by_hand(path: str, folder: str) -> Work:
    import duckdb

    output = Path(folder, "hand.csv")
    output.unlink(missing_ok=True)
    query = f"""
        COPY (
            SELECT id, sha256(email) AS email, sha256(phone) AS phone, first_name, last_name, street, state, zip
            FROM (SELECT * REPLACE (lower(trim(email)) AS email, regexp_replace(phone, '[^0-9]', '', 'g') AS phone)
                  FROM read_csv('{path}', all_varchar = true, header = true))
            WHERE regexp_full_match(email, '{EMAIL}') AND length(phone) = 10
        ) TO '{output}' (FORMAT csv, HEADER)
        """
    return lambda: duckdb.execute(query).fetchone()[0]


def by_pandas(path: str, folder: str) -> Work:
    import hashlib

    import pandas as pd

    output = Path(folder, "pandas.csv")
    output.unlink(missing_ok=True)

    def clean() -> int:
        people = pd.read_csv(path, dtype=str, keep_default_na=False)
        people["email"] = people["email"].str.strip().str.lower()
        people["phone"] = people["phone"].str.replace(r"[^0-9]", "", regex=True)
        people = people[people["email"].str.fullmatch(EMAIL) & (people["phone"].str.len() == 10)]
        for column in ("email", "phone"):
            people[column] = people[column].map(lambda value: hashlib.sha256(value.encode()).hexdigest())
        people.to_csv(output, index=False)
        return len(people)

    return clean


WAYS = {OURS: by_us, COPY: by_hand, PANDAS: by_pandas}

if __name__ == "__main__":
    run_way(WAYS)
