"""Servers that the tests start for themselves, from what is installed: a Postgres, a Redis and an S3."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATH = os.pathsep.join([os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))])
"""Debian keeps Postgres' binaries beside the path."""

MARIADB_PORT = 3306


def binary(name: str) -> str:
    """Return where a program is; without it the test is skipped, but fails in continuous integration."""
    found = shutil.which(name, path=PATH)
    if found:
        return found
    reason = f"{name} is not installed: apt-get install postgresql redis-server chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def until(condition: Callable[[], object], what: str, *, seconds: float) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {seconds:g} s")
        time.sleep(0.1)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def postgres() -> Iterator[int]:
    """Run an empty Postgres, and hand out its port; user and database are ``postgres``, and there is no password."""
    initdb, server = binary("initdb"), binary("postgres")
    # Postgres refuses to run as root, and another user can't reach the tests' own folder.
    folder = tempfile.mkdtemp(prefix="iqm-tests-postgres-", dir="/tmp")
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    who = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    data = f"{folder}/data"
    port = free_port()
    try:
        command = [initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **who)
        options = {"listen_addresses": "127.0.0.1", "fsync": "off", "max_connections": 300}
        command = [server, "-D", data, "-p", str(port), "-k", folder]
        command += [f"--{name}={value}" for name, value in options.items()]
        with _running(command, port, cwd=folder, **who):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mariadb() -> Iterator[int]:
    """Hand out the port of the MariaDB that runs here, or run an empty one; ``root`` has no password."""
    if listens(MARIADB_PORT):
        yield MARIADB_PORT
        return
    install, server = binary("mariadb-install-db"), binary("mariadbd")
    folder = tempfile.mkdtemp(prefix="iqm-tests-mariadb-", dir="/tmp")
    user = pwd.getpwuid(os.geteuid()).pw_name
    port = free_port()
    options = [f"--datadir={folder}/data", f"--user={user}"]
    try:
        command = [install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        command = [server, *options, "--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/socket"]
        with _running(command, port, cwd=folder, end=signal.SIGTERM):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[int]:
    """Run an empty Redis, and hand out its port."""
    port = free_port()
    command = [binary("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with _running(command, port, cwd=tempfile.gettempdir()):
        yield port


@contextmanager
def s3() -> Iterator[int]:
    """Run an empty S3 (moto's server), and hand out its port; it takes any credentials."""
    port = free_port()
    command = [f"{sys.prefix}/bin/moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port, cwd=tempfile.gettempdir()):
        yield port


@contextmanager
def _running(command: list[str], port: int, *, end: signal.Signals = signal.SIGINT, **options) -> Iterator[None]:
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **silent, **options)
    try:
        until(lambda: listens(port), f"{Path(command[0]).name} listens", seconds=30)
        yield
    finally:
        # To Postgres it means: end now, whoever is connected.
        process.send_signal(end)
        process.wait(timeout=30)


def _unprivileged_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
