"""Generate the benchmarks' list."""

from __future__ import annotations

import csv
import random
from pathlib import Path

AREA_CODES = [202, 212, 305, 312, 415, 503, 617, 702, 808, 907]
"""Valid area codes of ten states."""

HEADER = ["id", "email", "phone", "first_name", "last_name", "street", "state", "zip"]


def write_list(path: Path, *, records: int) -> Path:
    """
    Write a list of 134 bytes per record: 5 % quoted, some with line breaks, Unicode, leading zeros, 2 % invalid.

    An existing list is kept.
    """
    if path.exists():
        return path
    dice = random.Random(20261124)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for number in range(records):
            street = f"{dice.randint(1, 999)} Martin Luther King Blvd"
            if number % 20 == 0:
                street += ', The Mill,\nApt "7"' if number % 100 == 0 else ", Apt 7"
            email = f"Person.{number}.of.the.household@Mailbox{number % 97}.Example.com" if number % 50 else "nobody"
            phone = f"({dice.choice(AREA_CODES)}) 555-{number % 10_000:04d}"
            first = dice.choice(["Zoë", "Ada", "José", "Alexandria", "Bartholomew"])
            last = dice.choice(["O'Brien", "Peña", "Smith", "Featherstonehaugh"])
            writer.writerow([f"{number:012d}", email, phone, first, last, street, "NY", f"{number % 99_999:05d}"])
    return path
