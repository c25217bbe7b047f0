"""A small SQLite warehouse with fictional customers, for the demo and the example Dags."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

CUSTOMERS = 5_000

FIRST_NAMES = (
    "Ada Alma Amara Anaïs Benedict Carmen Chloe Dario Diego Elena Ezra Fatima Felix Grace Hana Hugo Ines Isaac Jin "
    "Jonas José Kai Lena Liam Lucía Maeve Malik Maya Mei Milo Nadia Noah Nora Omar Priya Quinn Rafael Ravi Renée Rosa "
    "Samir Sofia Tariq Theo Uma Valentina Wes Yara Yusuf Zoë"
).split()
LAST_NAMES = (
    "Abbott Acosta Adeyemi Bauer Becker Brennan Castillo Chen Cohen Costa Dalton Diaz Dubois Ellis Fischer Flores "
    "Fontaine García Greene Haddad Hansen Hughes Ibrahim Ito Jensen Kaplan Kim Kowalski Larsen Lopez Marino McKay "
    "Mendoza Morales Murphy Nakamura Nguyen O'Brien Okafor Ortega Park Patel Peña Quintero Rossi Schmidt Silva "
    "Singh Sørensen Tanaka Vargas Walsh Weiss Yilmaz Zhang"
).split()
STREETS = "Oak Maple Cedar Pine Elm Washington Lake Hill Walnut Spring Ridge Church Willow Mill Sunset River".split()
STREET_KINDS = ("St", "Ave", "Rd", "Blvd", "Ln", "Dr")
PLACES = (
    ("Boston", "MA", "021"),
    ("Newark", "NJ", "071"),
    ("New York", "NY", "100"),
    ("Philadelphia", "PA", "191"),
    ("Atlanta", "GA", "303"),
    ("Columbus", "OH", "432"),
    ("Chicago", "IL", "606"),
    ("Austin", "TX", "787"),
    ("Denver", "CO", "802"),
    ("Phoenix", "AZ", "850"),
    ("Seattle", "WA", "981"),
    ("Los Angeles", "CA", "900"),
)


def _customers(count: int) -> Iterator[tuple[object, ...]]:
    # A fixed seed, so that every run creates the same customers.
    dice = random.Random(20261124)  # noqa: S311 - no secret
    for customer_id in range(1, count + 1):
        city, state, zip_prefix = dice.choice(PLACES)
        street = f"{dice.randint(1, 9999)} {dice.choice(STREETS)} {dice.choice(STREET_KINDS)}"
        if dice.random() < 0.1:
            street += f", Apt {dice.randint(1, 40)}"
        yield (
            customer_id,
            f"customer{customer_id}@example.com",
            dice.choice(FIRST_NAMES),
            dice.choice(LAST_NAMES),
            street,
            city,
            state,
            f"{zip_prefix}{dice.randint(1, 99):02}",
            1,
        )


def create_warehouse(path: Path, count: int = CUSTOMERS) -> None:
    """
    Create a SQLite database with a table ``customers``, with the columns that the example Dags select.

    :param path: path of the database; an existing table is replaced.
    :param count: number of customers.
    """
    with closing(sqlite3.connect(path)) as warehouse, warehouse:
        warehouse.execute("DROP TABLE IF EXISTS customers")
        warehouse.execute(
            "CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT, "
            "street TEXT, city TEXT, state TEXT, zip TEXT, opted_in INTEGER)"
        )
        warehouse.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _customers(count))
