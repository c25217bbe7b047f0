"""A Postgres with lists of people."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from tests.integration.services import binary


@dataclass(frozen=True)
class Postgres:
    """
    A server of the tests' own, as :func:`~tests.integration.services.postgres` runs it.

    :param port: Its port.
    """

    port: int

    def connection(self, **extra: object) -> str:
        """Return an Airflow connection to it, as an environment variable holds it."""
        place = {"host": "127.0.0.1", "port": self.port, "login": "postgres", "schema": "postgres"}
        return json.dumps({"conn_type": "postgres", **place, "extra": extra})

    def run(self, *statements: str) -> str:
        """Run statements, and return what they print, a line a row."""
        command = [binary("psql"), "-h127.0.0.1", f"-p{self.port}", "-Upostgres", "-vON_ERROR_STOP=1", "-qtA"]
        done = subprocess.run(command, input=";\n".join(statements), check=True, capture_output=True, text=True)
        return done.stdout
