from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.static_lists_value import StaticListsValue
from airflow_provider_iqm.shared_state.token_value import TokenValue

LOG = logging.getLogger(__name__)
TOKEN = Token(access_token="the-access-token", refresh_token="the-refresh-token", ow_id="7", expires_in=1000)


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())


@pytest.fixture
def make_value(tmp_path):
    def make(kind=TokenValue):
        extra = {"client_id": "id", "client_secret": "secret"}
        fields = {"conn_id": "c", "host": None, "login": "a@b.c", "password": "pw", "schema": None, "port": None}
        settings = IQMConnection.read(SimpleNamespace(**fields), extra)
        return kind.of(HostStore(tmp_path), "iqm_default", settings, LOG)

    return make


def write_raw(value, content):
    """Write what another release would write."""
    saved = {"version": 3, "key": value._key, "content": content}
    value._store.put(value._key, value._fernet.encrypt(json.dumps(saved).encode()), 100)


def token_content(**changes):
    return {"access_token": "a", "refresh_token": "r", "ow_id": "7", "expires_at": time.time() + 100} | changes


def test_a_token_has_its_remaining_lifetime(make_value):
    assert make_value().read() is None
    make_value().write(TOKEN)
    found = make_value().read()
    assert (found.access_token, found.refresh_token, found.ow_id) == ("the-access-token", "the-refresh-token", "7")
    assert 990 < found.expires_in <= 1000


def test_the_current_format_is_readable(make_value):
    write_raw(make_value(), token_content())
    assert make_value().read().access_token == "a"


@pytest.mark.parametrize(
    "changes",
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
def test_a_token_with_other_fields_is_ignored(make_value, changes):
    value = make_value()
    write_raw(value, token_content(**changes))
    assert value.read() is None
    value.write(TOKEN)
    assert value.read() is not None


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "ow_id", "expires_at"])
def test_a_token_with_a_missing_field_is_ignored(make_value, missing):
    content = token_content()
    del content[missing]
    write_raw(make_value(), content)
    assert make_value().read() is None


def test_static_lists_are_shared_and_cleared(make_value):
    lists = make_value(StaticListsValue)
    lists.write("formats", [1])
    lists.write("partners", [2])
    assert (make_value(StaticListsValue).read("formats"), lists.read("partners")) == ([1], [2])
    lists.clear()
    assert make_value(StaticListsValue).read("formats") is None


@pytest.mark.parametrize(
    "entry",
    [None, [], 5, {}, {"at": "now", "answer": 1}, {"at": 1e308, "answer": 1}, {"answer": 1}, {"at": time.time() + 1e6}],
)
def test_invalid_lists_are_ignored(make_value, entry):
    lists = make_value(StaticListsValue)
    write_raw(lists, {"key": entry})
    assert lists.read("key") is None
