from __future__ import annotations

import errno
import itertools
import json
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

from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.shared_state.host_file import SECONDS_BETWEEN_TRIES, VERSION
from airflow_provider_iqm.shared_state.static_list_file import RememberedFile
from airflow_provider_iqm.shared_state.token_file import TokenFile

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


def token_file(iqm_conn_id="iqm_default", *, kind=TokenFile, **changes):
    extra = {"client_id": "id", "client_secret": "secret", "workspace_host": changes.pop("workspace_host", "a.b")}
    fields = {"conn_id": iqm_conn_id, "host": None, "login": "a@b.c", "password": "pw", "schema": None, "port": None}
    return kind.of(iqm_conn_id, IQMConnection.read(SimpleNamespace(**fields | changes), extra), LOG)


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


def kept(file, /, **changes):
    """Write what another release, or nobody, would write."""
    content = {"access_token": "a", "refresh_token": "r", "ow_id": "7", "expires_at": time.time() + 100}
    return {"version": VERSION, "file": file._path.name, "content": content} | changes


def write_raw(file, content):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    file._path.write_bytes(file._fernet.encrypt(text))


def test_what_this_release_writes_is_what_it_reads():
    file = token_file()
    write_raw(file, kept(file))
    assert file.read().access_token == "a"


@pytest.mark.parametrize(
    "content",
    [
        {"scope": "a newer release's"},
        {"access_token": None},
        {"access_token": "a\r\nX-Evil: 1"},
        {"ow_id": 7},
        {"ow_id": "wörk"},
        {"refresh_token": None},
        {"expires_at": None},
        {"expires_at": "soon"},
        {"expires_at": float("nan")},
        {"expires_at": float("inf")},
        {"expires_at": 10**400},
    ],
)
def test_other_fields_cost_a_log_in_and_no_more(content):
    file = token_file()
    write_raw(file, kept(file, content=kept(file)["content"] | content))
    assert file.read() is None
    file.write(TOKEN)
    assert file.read() is not None


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "ow_id", "expires_at"])
def test_a_missing_field_costs_a_log_in_and_no_more(missing):
    file = token_file()
    content = kept(file)["content"]
    del content[missing]
    write_raw(file, kept(file, content=content))
    assert file.read() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1},
        {"version": VERSION + 1},
        {"version": "2"},
        {"version": None},
        {"content": None},
        {"content": []},
        {"content": "text"},
        {"content": {}},
        {"file": None},
    ],
)
@pytest.mark.parametrize("kind", [TokenFile, RememberedFile])
def test_another_layout_is_ignored_and_written_anew(kind, changes):
    file = token_file(kind=kind)
    write_raw(file, kept(file, **changes))
    arguments, value = (((), TOKEN)) if kind is TokenFile else (("key",), [1])
    assert file.read(*arguments) is None
    file.write(*arguments, value)
    assert file.read(*arguments) is not None


@pytest.mark.parametrize("text", [b"", b"no json", b"[]", b"null", b"5", b"[" * 100_000, b"\xff", b'{"file": 5}'])
@pytest.mark.parametrize("kind", [TokenFile, RememberedFile])
def test_garbage_is_ignored_and_written_anew(kind, text):
    file = token_file(kind=kind)
    write_raw(file, text)
    arguments, value = (((), TOKEN)) if kind is TokenFile else (("key",), [1])
    assert file.read(*arguments) is None
    file.write(*arguments, value)
    assert file.read(*arguments) is not None


@pytest.mark.parametrize(
    "entry",
    [None, [], 5, {}, {"at": "now", "answer": 1}, {"at": 1e308, "answer": 1}, {"answer": 1}, {"at": time.time() + 1e6}],
)
def test_an_entry_that_can_t_be_used_is_ignored(entry):
    file = token_file(kind=RememberedFile)
    write_raw(file, kept(file, content={"key": entry}))
    assert file.read("key") is None


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_costs_no_more_than_a_warning(monkeypatch, caplog, number):
    def flock(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    file = token_file()
    with file.turn():
        file.write(TOKEN)
    assert file.read().access_token == TOKEN.access_token
    assert f"Other tasks may ask for the token at the same time: {os.strerror(number)}." in caplog.text


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


def test_one_logs_in_while_the_others_wait(monkeypatch):
    monkeypatch.setattr("airflow_provider_iqm.shared_state.host_file.SECONDS_BETWEEN_TRIES", 0.01)
    moments = []

    def log_in(file):
        with file.turn():
            moments.append("in")
            time.sleep(0.02)
            moments.append("out")

    threads = [threading.Thread(target=log_in, args=(token_file(),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert moments == ["in", "out"] * 5


def test_who_waits_too_long_logs_in_for_itself(monkeypatch):
    now = itertools.count()
    slept = []
    clock = SimpleNamespace(monotonic=lambda: next(now), sleep=slept.append)
    monkeypatch.setattr("airflow_provider_iqm.shared_state.host_file.time", clock)
    monkeypatch.setattr("airflow_provider_iqm.shared_state.host_file.PATIENCE", 4)
    with token_file().turn(), token_file().turn():
        assert slept == [SECONDS_BETWEEN_TRIES] * 3
