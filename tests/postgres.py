"""A Postgres server of one's own, started from the installed binaries."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self


class PostgresServer:
    """
    A server that lives as long as the ``with`` block, on a free port, with nothing in it.

    Postgres refuses to run as root, so root starts it as the user ``postgres``.
    """

    @staticmethod
    def binary(name: str) -> str | None:
        """Return where a program of Postgres is; ``None`` where it isn't installed."""
        # Debian keeps the server's programs out of the path.
        folders = [os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
        return shutil.which(name, path=os.pathsep.join(folders))

    def __enter__(self) -> Self:
        # Not in the tests' own folder, which other users can't enter.
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self._user = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._folder, "postgres", "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        data = self._folder / "data"
        initdb = [self.binary("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/", **self._user)
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self._folder, "fsync": "off"}
        options = [f"-c{name}={value}" for name, value in settings.items()]
        self._server = subprocess.Popen(
            [self.binary("postgres"), "-D", data, f"-p{self.port}", *options],
            stderr=subprocess.DEVNULL,
            cwd="/",
            **self._user,
        )
        self._wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        # The fast shutdown, which doesn't wait for clients.
        self._server.send_signal(signal.SIGINT)
        self._server.wait(30)
        shutil.rmtree(self._folder)

    def airflow_connection(self, **extra: object) -> str:
        """Return an Airflow connection to it, as an environment variable holds it."""
        place = {"host": "127.0.0.1", "port": self.port, "login": "postgres", "schema": "postgres"}
        return json.dumps({"conn_type": "postgres", **place, "extra": extra})

    def run(self, *statements: str) -> str:
        """Run statements by ``psql``, and return what they print, a line a row."""
        command = ["psql", "-h127.0.0.1", f"-p{self.port}", "-Upostgres", "-vON_ERROR_STOP=1", "-qtA"]
        script = ";\n".join(statements)
        done = subprocess.run(command, input=script, check=True, capture_output=True, text=True)
        return done.stdout

    def _wait_until_ready(self) -> None:
        ready = [self.binary("pg_isready"), "-q", "-h127.0.0.1", f"-p{self.port}"]
        deadline = time.monotonic() + 30
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError("Postgres does not start")
            time.sleep(0.05)
