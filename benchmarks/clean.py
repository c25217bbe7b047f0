"""
Cleaning against a hand-written DuckDB ``COPY`` and against pandas: the same list, process against process, in turns.

The work: normalise and SHA-256 two columns, leave out invalid records, write. Prints the ratios of the medians, and
by how much cleaning raised the memory of its process.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECORDS = int(os.environ.get("BENCH_CLEAN_RECORDS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_CLEAN_ROUNDS", "3"))
COLUMNS = {"email": "Email", "phone": "Phone"}
HASHES = {"email": "SHA256", "phone": "SHA256"}
EMAIL = r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+"


def main() -> None:
    """Measure, and print a table."""
    if len(sys.argv) > 1:
        way, path, folder = sys.argv[1:]
        print(json.dumps(WAYS[way](Path(path), Path(folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        write_list(path)
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            for way, measured in runs.items():
                command = [sys.executable, __file__, way, str(path), folder]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                measured.append(json.loads(done.stdout.splitlines()[-1]))
        size = f"{RECORDS:,} records x 8 columns, {path.stat().st_size / 1e6:,.0f} MB"
        print(f"list: {size}; {ROUNDS} rounds in turns, {os.cpu_count()} cores")
    kept = {way: {run["kept"] for run in measured} for way, measured in runs.items()}
    assert len(set.union(*kept.values())) == 1, f"the ways don't do the same work: {kept}"
    print(f"{'':34}{'median':>10}{'best':>10}{'memory over idle':>20}")
    median = {}
    for way, measured in runs.items():
        seconds = [run["seconds"] for run in measured]
        median[way] = statistics.median(seconds)
        memory = max(run["bytes"] for run in measured) / 1e6
        print(f"{way:34}{median[way]:>8.2f} s{min(seconds):>8.2f} s{memory:>17.0f} MB")
    ours = median["prepare_upload"]
    print(f"time of the hand-written COPY's: {ours / median['hand-written COPY']:.2f} (at most 1.25)")
    print(f"faster than pandas: {median['pandas and hashlib'] / ours:.1f} times (at least 6)")


def write_list(path: Path) -> None:
    dice = random.Random(20261124)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "email", "phone", "first_name", "last_name", "street", "state", "zip"])
        for number in range(RECORDS):
            street = f"{dice.randint(1, 9999)} Oak St"
            if number % 20 == 0:
                street += ', The Mill,\nApt "7"' if number % 100 == 0 else ", Apt 7"
            email = "nobody" if number % 50 == 0 else f"Person.{number}@Example{number % 97}.com"
            phone = f"({dice.randint(200, 999)}) 555-{number % 10_000:04d}"
            names = dice.choice(["Zoë", "Ada", "José"]), dice.choice(["O'Brien", "Peña", "Smith"])
            writer.writerow([f"{number:08d}", email, phone, *names, street, "NY", f"{number % 99_999:05d}"])


def by_us(path: Path, folder: Path) -> dict[str, float]:
    from airflow_provider_iqm.audience.upload import prepare_upload

    idle = _idle_memory()
    started = time.perf_counter()
    with prepare_upload(
        file_path=path, audience_name="List", columns=COLUMNS, hash_columns=HASHES, scratch_dir=folder
    ) as upload:
        return _measured(started, idle, upload.file.records)


def by_us_all_columns(path: Path, folder: Path) -> dict[str, float]:
    from airflow_provider_iqm.audience.upload import prepare_upload

    names = {"first_name": "First Name", "last_name": "Last Name", "street": "Address", "state": "State", "zip": "Zip"}
    idle = _idle_memory()
    started = time.perf_counter()
    with prepare_upload(
        file_path=path,
        audience_name="List",
        columns={**COLUMNS, **names},
        hash_columns=HASHES,
        normalize=True,
        scratch_dir=folder,
    ) as upload:
        return _measured(started, idle, upload.file.records)


def by_hand(path: Path, folder: Path) -> dict[str, float]:
    import duckdb

    idle = _idle_memory()
    started = time.perf_counter()
    row = duckdb.execute(
        f"""
        COPY (
            SELECT id, sha256(email) AS email, sha256(phone) AS phone, first_name, last_name, street, state, zip
            FROM (SELECT * REPLACE (lower(trim(email)) AS email, regexp_replace(phone, '[^0-9]', '', 'g') AS phone)
                  FROM read_csv('{path}', all_varchar = true, header = true))
            WHERE regexp_full_match(email, '{EMAIL}') AND length(phone) = 10
        ) TO '{folder / "hand.csv"}' (FORMAT csv, HEADER)
        """
    ).fetchone()
    return _measured(started, idle, row[0])


def by_pandas(path: Path, folder: Path) -> dict[str, float]:
    import hashlib

    import pandas as pd

    idle = _idle_memory()
    started = time.perf_counter()
    people = pd.read_csv(path, dtype=str, keep_default_na=False)
    people["email"] = people["email"].str.strip().str.lower()
    people["phone"] = people["phone"].str.replace(r"[^0-9]", "", regex=True)
    people = people[people["email"].str.fullmatch(EMAIL) & (people["phone"].str.len() == 10)]
    for column in HASHES:
        people[column] = people[column].map(lambda value: hashlib.sha256(value.encode()).hexdigest())
    people.to_csv(folder / "pandas.csv", index=False)
    return _measured(started, idle, len(people))


def _measured(started: float, idle: int, kept: int) -> dict[str, float]:
    return {"seconds": time.perf_counter() - started, "bytes": _memory("VmHWM") - idle, "kept": kept}


def _idle_memory() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


WAYS = {
    "prepare_upload": by_us,
    "prepare_upload, all columns": by_us_all_columns,
    "hand-written COPY": by_hand,
    "pandas and hashlib": by_pandas,
}

if __name__ == "__main__":
    main()
