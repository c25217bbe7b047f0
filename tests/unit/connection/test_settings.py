from __future__ import annotations

import traceback
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.api.dialects import API_VERSIONS
from airflow_provider_iqm.connection.form import FIELDS
from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import IQMConnectionError

EXTRA = {"client_id": "id", "client_secret": "secret"}


def read(host=None, login="a@b.c", password="pw", schema=None, port=None, **extra):
    connection = SimpleNamespace(
        conn_id="iqm_default", host=host, login=login, password=password, schema=schema, port=port
    )
    return IQMConnection.read(connection, {**EXTRA, **extra})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://api.iqm.com"),
        ({"host": "api.iqm.com/"}, "https://api.iqm.com"),
        ({"host": "https://proxy.example.com:8443/iqm/"}, "https://proxy.example.com:8443/iqm"),
        ({"host": "127.0.0.1", "schema": "http", "port": 8765}, "http://127.0.0.1:8765"),
        ({"host": "http://localhost:1"}, "http://localhost:1"),
        ({"host": "http://[::1]:9"}, "http://[::1]:9"),
        ({"host": "http://iqm.internal", "allow_http": "true"}, "http://iqm.internal"),
    ],
)
def test_base_url(given, url):
    assert read(**given).base_url == url


def test_defaults_and_settings():
    assert read().credentials.workspace_host == "app.iqm.com"
    settings = read(workspace_host="https://acme.iqm.com/", ow_id=200001, read_timeout="5", upload_timeout=7)
    assert settings.credentials.workspace_host == "acme.iqm.com"
    assert settings.credentials.ow_id == "200001"
    assert (settings.connect_timeout, settings.read_timeout, settings.upload_timeout) == (10, 5, 7)
    assert (settings.request_timeout, read(request_timeout="2.5").request_timeout) == (120, 2.5)


def test_rate_limit_settings():
    settings = read()
    assert (settings.rate_limit_pool, settings.rate_limit_window, settings.requests_per_minute) == ("iqm_api", 60, None)
    settings = read(rate_limit_pool="other", rate_limit_window="2.5", requests_per_minute="7")
    assert (settings.rate_limit_pool, settings.rate_limit_window, settings.requests_per_minute) == ("other", 2.5, 7)


@pytest.mark.parametrize("value", ["many", 0, -1, "1.5"])
def test_requests_per_minute_must_be_a_number_of_requests(value):
    with pytest.raises(IQMConnectionError, match="requests_per_minute"):
        read(requests_per_minute=value)


@pytest.mark.parametrize("empty", ["", None])
def test_empty_form_fields_use_defaults(empty):
    optional = [field.name for field in FIELDS.values() if not field.required and not field.standard]
    assert read(host=empty, **dict.fromkeys(optional, empty)) == read()


def test_form_offers_all_api_versions():
    assert FIELDS["api_version"].choices == API_VERSIONS
    assert FIELDS["api_version"].default == API_VERSIONS[0]


def test_all_missing_fields_are_named():
    with pytest.raises(IQMConnectionError) as raised:
        read(login="", password=None, client_id="", client_secret=None)
    assert str(raised.value) == (
        'Connection "iqm_default" lacks Email (login), Password (password), Client ID (extra: client_id), '
        "Client secret (extra: client_secret). Fill in the missing fields, and run again."
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "http://api.iqm.com"}, "unencrypted"),
        ({"host": "ftp://api.iqm.com"}, "API host .host. isn.t a URL"),
        ({"host": "https://"}, "API host .host. isn.t a URL"),
        ({"host": "https://host:port"}, "API host .host. isn.t a URL"),
        ({"host": "https://user:topsecret@api.iqm.com"}, "can only contain a scheme"),
        *[
            ({"host": host}, "can only contain a scheme")
            for host in (
                "https://:topsecret@api.iqm.com",
                "https://user@api.iqm.com",
                "https://@api.iqm.com",
                "user:topsecret@api.iqm.com",
                "https://user:top/secret@api.iqm.com",
                "https://user/topsecret@api.iqm.com",
                "https://user:topsecret@[::1",
                "https://api.iqm.com?key=topsecret",
                "https://api.iqm.com/?",
                "https://api.iqm.com/#topsecret",
            )
        ],
        *[
            ({"host": host}, "API host .host. isn.t a URL")
            for host in (
                "https://api iqm.com",
                "https://api.iqm.com/a b",
                "https://api.iqm.com/\x00",
                "https://api\x7f.iqm.com",
                "https://api.iqm.com/ä",
                "https://[::1",
                "https://[not-ipv6]",
                "https://.iqm.com",
                "https://" + "a" * 64 + ".com",
                "https://api.iqm.com:99999",
                "https://ap\ud800i.iqm.com",
                "https://api.iqm.com\\x",
            )
        ],
        *[
            ({"workspace_host": host}, "Workspace host")
            for host in (
                "app iqm",
                "app.iqm.com\r\nX-Evil: 1",
                "wörk.iqm.com",
                "\ud800.iqm.com",
                "https://user:topsecret@acme.iqm.com",
                "user:topsecret@acme.iqm.com",
                "https://[",
                "acme.iqm.com/path",
                "https://",
                ["acme.iqm.com"],
            )
        ],
        *[
            ({"ow_id": ow_id}, "Organization workspace ID")
            for ow_id in ("1\r\nX-Evil: 1", "wörk", "1 2", "\x00", "\ud800", True, [1], 1.5, {"a": 1})
        ],
        ({"password": "p\ud800"}, "Password"),
        ({"login": "l\ud800"}, "Email"),
        ({"client_id": "c\ud800"}, "Client ID"),
        ({"client_secret": "c\ud800"}, "Client secret"),
        *[
            ({"proxies": proxies}, "proxies")
            for proxies in (
                "http://user:topsecret@proxy",
                ["http://user:topsecret@proxy"],
                {"https": 5},
                {"https": "http://user:topsecret@"},
                {"https": "http://user:topsecret@proxy:port"},
                {"https": "http://user:topsecret@pro xy"},
                {"https": "http://user:topsecret@[::1"},
            )
        ],
        ({"verify": 5}, "verify"),
        ({"cert": {"topsecret": 1}}, "cert"),
        ({"cert": ["a", "b", "topsecret"]}, "cert"),
        *[
            ({f"{which}_timeout": seconds}, f"{which}_timeout")
            for which in ("connect", "read", "request", "upload")
            for seconds in ("soon", 0, "nan", "inf", 1e300, 10**400, [1])
        ],
        ({"requests_per_minute": float("inf")}, "requests_per_minute"),
        ({"connect_timeout": -1}, "connect_timeout"),
        ({"api_version": "v9"}, "api_version"),
    ],
)
def test_invalid_fields_are_named(given, words):
    with pytest.raises(IQMConnectionError, match=words) as raised:
        read(**given)
    shown = "".join(traceback.format_exception(raised.value))
    assert "topsecret" not in shown
    shown.encode()


def test_proxy_passwords_are_secrets():
    settings = read(proxies={"https": "http://user:top%2Fsecret@proxy:3128", "http": "me:other@proxy"})
    assert {"top%2Fsecret", "top/secret", "other"} < set(settings.secrets)
    assert "secret" not in repr(settings).replace("client_secret", "")


def test_rate_limit_scope():
    assert (read().rate_limit_scope, read().shared_state_conn_id) == ("auto", "")
    settings = read(rate_limit_scope="Shared", shared_state_conn_id=" redis_default ")
    assert (settings.rate_limit_scope, settings.shared_state_conn_id) == ("shared", "redis_default")


@pytest.mark.parametrize(
    ("extra", "named"),
    [({"rate_limit_scope": "all"}, '"all"'), ({"rate_limit_scope": "shared"}, "shared_state_conn_id")],
)
def test_invalid_rate_limit_scope(extra, named):
    with pytest.raises(IQMConnectionError, match=named):
        read(**extra)
