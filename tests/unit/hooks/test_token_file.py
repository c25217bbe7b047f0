from __future__ import annotations

import logging
import os
import stat
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import conf
from cryptography.fernet import Fernet

from airflow_provider_iqm.api.token import Token
from airflow_provider_iqm.hooks.connection import IQMConnection
from airflow_provider_iqm.hooks.token_file import TokenFile

TOKEN = Token(access_token="the-access-token", refresh_token="the-refresh-token", ow_id="7", expires_in=1000)
LOG = logging.getLogger(__name__)
KEY = Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", KEY)


def token_file(iqm_conn_id="iqm_default", **changes):
    extra = {"client_id": "id", "client_secret": "secret", "workspace_host": changes.pop("workspace_host", "a.b")}
    fields = {"conn_id": iqm_conn_id, "host": None, "login": "a@b.c", "password": "pw", "schema": None, "port": None}
    return TokenFile.of(iqm_conn_id, IQMConnection.read(SimpleNamespace(**fields | changes), extra), LOG)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_token_is_found_again_with_the_life_that_is_left():
    token_file().write(TOKEN)
    found = token_file().read()
    assert (found.access_token, found.refresh_token, found.ow_id) == ("the-access-token", "the-refresh-token", "7")
    assert 990 < found.expires_in <= 1000


def test_only_its_owner_can_read_it_and_not_without_the_key(own_place, monkeypatch):
    token_file().write(TOKEN)
    (path,) = files(own_place)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    content = path.read_bytes()
    for secret in (b"the-access-token", b"the-refresh-token", b"a@b.c"):
        assert secret not in content + path.name.encode()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    assert token_file().read() is None


def test_a_rotated_key_still_reads_the_file(monkeypatch):
    token_file().write(TOKEN)
    # As Airflow has it: the new key first.
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{Fernet.generate_key().decode()},{KEY}")
    assert token_file().read().access_token == TOKEN.access_token


@pytest.mark.parametrize("key", ["", "{FERNET_KEY}", "no key"])
def test_without_a_key_there_is_no_file(own_place, monkeypatch, key):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    assert conf.get("core", "fernet_key") == key
    assert token_file() is None
    assert files(own_place) == []


@pytest.mark.parametrize(
    "other",
    [
        {"iqm_conn_id": "other"},
        {"host": "https://other.example"},
        {"login": "other@b.c"},
        {"password": "changed"},
        {"workspace_host": "other"},
    ],
)
def test_a_token_is_never_used_for_another_connection(own_place, other):
    token_file().write(TOKEN)
    assert token_file(**other).read() is None
    # Nor if somebody gives its file the other's name.
    (path,) = files(own_place)
    token_file(**other).write(TOKEN)
    (others,) = set(files(own_place)) - {path}
    others.write_bytes(path.read_bytes())
    assert token_file(**other).read() is None


@pytest.mark.parametrize("content", [b"", b"not encrypted", None])
def test_a_damaged_file_costs_a_log_in_and_no_more(own_place, content, caplog):
    token_file().write(TOKEN)
    (path,) = files(own_place)
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    assert token_file().read() is None
    assert "can't be read" in caplog.text
    token_file().write(TOKEN)
    assert token_file().read() is not None


def test_a_folder_that_others_can_reach_is_not_used(own_place, caplog):
    token_file().write(TOKEN)
    (path,) = files(own_place)
    path.parent.chmod(0o755)
    assert token_file() is None
    assert str(path.parent) in caplog.text


def test_a_link_in_the_folder_s_place_is_not_followed(own_place):
    (own_place / "elsewhere").mkdir(mode=0o700)
    (own_place / f"airflow-provider-iqm-{os.geteuid()}").symlink_to(own_place / "elsewhere")
    assert token_file() is None


def test_a_full_disk_costs_no_more_than_a_warning(own_place, monkeypatch, caplog):
    file = token_file()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    file.write(TOKEN)
    assert "No space left" in caplog.text


def test_one_logs_in_while_the_others_wait():
    moments = []

    def log_in(file):
        with file.turn():
            moments.append("in")
            time.sleep(0.05)
            moments.append("out")

    threads = [threading.Thread(target=log_in, args=(token_file(),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert moments == ["in", "out"] * 5


def test_who_waits_too_long_logs_in_for_itself(monkeypatch):
    monkeypatch.setattr("airflow_provider_iqm.hooks.host_file.PATIENCE", 0.3)
    with token_file().turn():
        started = time.monotonic()
        with token_file().turn():
            assert 0.3 <= time.monotonic() - started < 5
