from __future__ import annotations

import ast
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

import airflow_provider_iqm.sandbox as package
from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings

STATUSES = "/api/v2/audience/status"


def test_several_sandboxes_run_at_once_and_release_their_ports(new_account) -> None:
    with Sandbox() as first, Sandbox() as second:
        assert first.url != second.url
        new_account(first).new_id()
        assert (len(first.audiences), len(second.audiences)) == (1, 0)
        port = first.port
    with pytest.raises(requests.ConnectionError):
        requests.get(first.url, timeout=1)
    with Sandbox(SandboxSettings(port=port)) as third:
        assert third.port == port


def test_a_port_in_use_is_an_error() -> None:
    with Sandbox() as sandbox, pytest.raises(OSError, match="in use"), Sandbox(SandboxSettings(port=sandbox.port)):
        pytest.fail("Two sandboxes listen on one port.")


def test_it_stops_while_clients_hang(new_account) -> None:
    with Sandbox() as sandbox:
        account = new_account(sandbox)
        headers = account.headers
        sandbox.add_fault("hang", path=STATUSES)
        caught: list[requests.RequestException] = []

        def wait_in_vain() -> None:
            try:
                requests.get(sandbox.url + STATUSES, headers=headers, timeout=20)
            except requests.RequestException as error:
                caught.append(error)

        client = threading.Thread(target=wait_in_vain)
        client.start()
        idle = socket.create_connection((sandbox.settings.host, sandbox.port))
        while not sandbox.requests[-1].fault:
            time.sleep(0.01)
    client.join()
    idle.close()
    assert isinstance(caught[0], requests.ConnectionError)


def test_idle_connections_stay_open(account, sandbox) -> None:
    account.call("GET", STATUSES)
    account.call("GET", STATUSES)
    assert len({record.client_port for record in sandbox.requests}) == 1


def test_it_shares_no_code_with_the_client_and_needs_no_airflow() -> None:
    for file in Path(package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                modules = [node.module or ""]
            for module in modules:
                assert module.split(".")[0] != "airflow", file
                assert not module.startswith("airflow_provider_iqm") or module.startswith(package.__name__), file
