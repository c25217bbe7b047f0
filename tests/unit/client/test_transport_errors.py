"""Requests without a response: a single exception with the reason, but without a proxy's password."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from airflow_provider_iqm.client import retries
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    IQMConnectionError,
    IQMError,
    IQMFinalError,
    IQMInvalidAnswerError,
    IQMRequestError,
    IQMServerError,
    IQMTransportError,
)
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook
from tests.unit.client.hostile import HostileServer


def sync():
    return IQMHook().get_matched_audience(7)


def in_event_loop():
    return asyncio.run(IQMAsyncHook().get_matched_audience(7))


both_hooks = pytest.mark.parametrize("get", [sync, in_event_loop])


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch):
    monkeypatch.setattr(retries, "MAX_ATTEMPTS", 1)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server():
    server = HostileServer()
    server.answers_log_in = False
    yield server
    server.close()


def whole_chain(error):
    """Show an error with all that led to it, also what ``from None`` hides."""
    shown = []
    while error is not None:
        shown += [repr(error), str(error), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(shown)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("http://127.0.0.1:9", "could not connect (ConnectionRefusedError)."),
        ("https://127.0.0.1:9", "could not connect (ConnectionRefusedError)."),
        ("https://nowhere.invalid", "could not connect (gaierror)."),
    ],
)
@both_hooks
def test_a_refused_connection_is_a_single_exception(iqm_connection, get, host, message):
    iqm_connection(host=host, requests_per_minute=10_000)
    with pytest.raises(IQMTransportError) as raised:
        get()
    assert str(raised.value) == f"Failed to log in: no response from {host}: {message}"
    assert not raised.value.sent
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert "direct cause" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"",
    ],
)
@pytest.mark.parametrize("place", ["extra", "environment"])
@both_hooks
def test_exceptions_have_no_proxy_password(iqm_connection, monkeypatch, server, get, scheme, answer, place):
    server.answer = lambda: iter([answer])
    proxy = server.url.replace("://", "://us:top%2Fsecret@")
    extra = {"proxies": {scheme: proxy}} if place == "extra" else {}
    if place == "environment":
        monkeypatch.setenv(f"{scheme}_proxy", proxy)
    iqm_connection(host=f"{scheme}://iqm.invalid", allow_http=True, requests_per_minute=10_000, **extra)
    with pytest.raises(IQMError) as raised:
        get()
    assert not isinstance(raised.value, IQMConnectionError)
    for secret in ("top%2Fsecret", "top/secret", "us:top"):
        assert secret not in whole_chain(raised.value)
    assert server.requests


@both_hooks
def test_an_unreachable_proxy(iqm_connection, get):
    proxy = "http://us:topsecret@127.0.0.1:9"
    iqm_connection(host="https://iqm.invalid", proxies={"https": proxy}, requests_per_minute=10_000)
    with pytest.raises(IQMTransportError, match="the proxy refused or failed") as raised:
        get()
    assert "topsecret" not in whole_chain(raised.value)
    assert not raised.value.sent


@both_hooks
def test_an_untrusted_certificate(iqm_connection, certificate, get):
    server = HostileServer(certificate.wrap)
    iqm_connection(host=server.url, requests_per_minute=10_000)
    with pytest.raises(IQMTransportError, match=r"TLS failed, .* \(SSLCertVerificationError\)") as raised:
        get()
    server.close()
    assert not raised.value.sent


@both_hooks
def test_a_proxy_that_requires_a_password(iqm_connection, server, get):
    server.answer = lambda: iter([b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"])
    iqm_connection(host="http://iqm.invalid", allow_http=True, proxies={"http": server.url}, requests_per_minute=10_000)
    with pytest.raises(IQMRequestError, match="The proxy requires a user and a password"):
        get()


@pytest.mark.parametrize("extra", [{"verify": "/no/such/file"}, {"cert": "/no/such/file"}])
@both_hooks
def test_missing_certificates(iqm_connection, get, extra):
    iqm_connection(host="https://127.0.0.1:9", requests_per_minute=10_000, **extra)
    with pytest.raises(IQMConnectionError, match='extras "verify" or "cert"'):
        get()


ANSWERS = {
    "closed": (b"", "the server closed the connection without a response."),
    "cut off": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "the response was cut off."),
    "cut off in a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        "the response was cut off.",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the response isn't valid HTTP."),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}", "isn't valid HTTP."),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000, "the response isn't valid HTTP."),
    "a wrong chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        "the response isn't valid HTTP.",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
@both_hooks
def test_both_hooks_have_the_same_messages_for_broken_responses(iqm_connection, server, get, case):
    answer, message = ANSWERS[case]
    server.answer = lambda: iter([answer])
    iqm_connection(host=server.url, requests_per_minute=10_000)
    with pytest.raises(IQMTransportError) as raised:
        get()
    assert message in str(raised.value)
    assert raised.value.sent


@both_hooks
def test_interim_responses_are_skipped(iqm_connection, server, get):
    interim = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    server.answer = lambda: iter([interim, b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"])
    iqm_connection(host=server.url, requests_per_minute=10_000)
    with pytest.raises(IQMServerError, match="HTTP 503"):
        get()


@pytest.mark.parametrize(("status", "advice"), [("407", ", check the user"), ("403", r"\."), ("502", r"\.")])
@both_hooks
def test_a_proxy_that_refuses_a_tunnel(iqm_connection, server, get, status, advice):
    server.answer = lambda: iter([f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()])
    iqm_connection(host="https://iqm.invalid", proxies={"https": server.url}, requests_per_minute=10_000)
    with pytest.raises(IQMTransportError, match=f"the proxy returned HTTP {status}{advice}"):
        get()


@pytest.mark.parametrize("userinfo", ["us:top€secret", "us%3Aer:topsecret"])
@pytest.mark.parametrize("place", ["extra", "environment"])
@both_hooks
def test_proxy_credentials_that_cannot_be_sent(iqm_connection, monkeypatch, get, userinfo, place):
    proxy = f"http://{userinfo}@127.0.0.1:9"
    extra = {"proxies": {"https": proxy}} if place == "extra" else {}
    if place == "environment":
        monkeypatch.setenv("https_proxy", proxy)
    iqm_connection(host="https://iqm.invalid", requests_per_minute=10_000, **extra)
    with pytest.raises(IQMConnectionError, match="prox") as raised:
        get()
    assert "secret" not in whole_chain(raised.value)


def test_a_socks_proxy_without_its_package_is_not_retried(iqm_connection):
    iqm_connection(host="https://iqm.invalid", proxies={"https": "socks5://127.0.0.1:9"}, requests_per_minute=10_000)
    with pytest.raises(IQMConnectionError, match="prox"):
        sync()


@both_hooks
def test_the_environment_does_not_override_the_connections_certificates(
    iqm_connection, monkeypatch, certificate, tmp_path, get
):
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    server = HostileServer(certificate.wrap)
    for verify in (False, str(tmp_path / "certificate.pem")):
        iqm_connection(host=server.url, requests_per_minute=10_000, verify=verify)
        # Its token is there, its audience isn't.
        with pytest.raises(IQMInvalidAnswerError):
            get()
    server.close()


@both_hooks
def test_advice_for_a_redirected_login_is_about_the_host(iqm_connection, server, get):
    server.answer = lambda: iter([b"HTTP/1.1 301 Moved\r\nLocation: https://x.invalid/\r\nContent-Length: 0\r\n\r\n"])
    iqm_connection(host=server.url, requests_per_minute=10_000)
    with pytest.raises(IQMRequestError, match="Redirects aren't followed"):
        get()


@both_hooks
def test_a_proxys_error_page_does_not_mean_no_such_audience(iqm_connection, server, get):
    server.answers_log_in = True
    server.answer = lambda: iter([b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>"])
    iqm_connection(host=server.url, requests_per_minute=10_000)
    with pytest.raises(IQMInvalidAnswerError, match="may be from a proxy") as raised:
        get()
    # Airflow retries: the proxy may let the next request pass.
    assert not isinstance(raised.value, AudienceNotFoundError | IQMFinalError)


@both_hooks
def test_an_undecodable_body_is_not_empty(iqm_connection, server, get):
    server.answer = lambda: iter([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"])
    iqm_connection(host=server.url, requests_per_minute=10_000)
    with pytest.raises(IQMInvalidAnswerError, match="something else"):
        get()
