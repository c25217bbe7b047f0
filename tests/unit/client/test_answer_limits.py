"""Servers that never end, over real sockets: each request ends in one of our errors, in bounded time and memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import threading
import time
import zlib
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.api.answer_body import MAX_ANSWER_BYTES
from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.client import answer_limits, retries
from airflow_provider_iqm.client.progress import UploadProgress
from airflow_provider_iqm.exceptions import (
    IQMInvalidAnswerError,
    IQMServerError,
    IQMTransportError,
    UploadOutcomeUnknownError,
)
from airflow_provider_iqm.hooks import async_base
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook
from airflow_provider_iqm.shared_state.token_value import TokenValue
from tests.unit.client.hostile import HostileServer, drip

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
AUDIENCE = json.dumps(
    {"statusCode": 200, "responseObject": {"id": 7, "audienceName": "List", "status": "Ready"}}
).encode()

SLOW = {
    "silence": drip(b"", b""),
    "status line": drip(b"HTTP/1.1 200 O", b"K"),
    "informational answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints": drip(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "header": drip(OK + b"X-Slow: ", b"x"),
    "headers": drip(OK, b"X: y\r\n", 0.05),
    "body": drip(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "body without a length": drip(OK + b"\r\n", b" "),
    "chunks": drip(CHUNKED, b"1\r\n \r\n"),
    "size of a chunk": drip(CHUNKED, b"0"),
    "trailers": drip(CHUNKED + b"0\r\n", b"X: y\r\n", 0.05),
    "body of a redirect": drip(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", b" "),
    "body of an error": drip(b"HTTP/1.1 500 No\r\n\r\n", b" "),
}

MEGABYTE = b" " * (1 << 20)

ENDLESS = {
    "body": drip(OK + b"\r\n", MEGABYTE, 0),
    "body of a huge length": drip(OK + b"Content-Length: 99999999999999\r\n\r\n", MEGABYTE, 0),
    "chunks": drip(CHUNKED, b"100000\r\n" + MEGABYTE + b"\r\n", 0),
    "one chunk": drip(CHUNKED + b"FFFFFFFFFF\r\n", MEGABYTE, 0),
    "size of a chunk": drip(CHUNKED, b"0" * 65536, 0),
    "extension of a chunk": drip(CHUNKED + b"1;", MEGABYTE, 0),
    "header": drip(OK + b"X: ", MEGABYTE, 0),
    "headers": drip(OK, b"X: y\r\n" * 1000, 0),
    "status line": drip(b"HTTP/1.1 200 ", MEGABYTE, 0),
    "informational answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0),
    "headers of informational answers": drip(b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n" * 1000, 0),
    "trailers": drip(CHUNKED + b"0\r\n", b"X: y\r\n" * 1000, 0),
    "body of a redirect": drip(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", MEGABYTE, 0),
    "body of an error": drip(b"HTTP/1.1 500 No\r\n\r\n", MEGABYTE, 0),
}


def sync():
    hook = IQMHook()
    try:
        return hook.get_matched_audience(7)
    finally:
        hook._session.close()


def in_event_loop():
    return asyncio.run(IQMAsyncHook().get_matched_audience(7))


both_hooks = pytest.mark.parametrize("get", [sync, in_event_loop])


@pytest.fixture
def connect(iqm_connection, monkeypatch):
    """Connect to a server, with short timeouts and a single attempt."""
    monkeypatch.setattr(retries, "MAX_ATTEMPTS", 1)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)

    def connect(server, **extra):
        defaults = {"host": server.url, "request_timeout": 0.3, "read_timeout": 5, "requests_per_minute": 10_000}
        iqm_connection(**{**defaults, **extra})

    return connect


@pytest.fixture
def logged_in(monkeypatch):
    """Provide a token, because on a busy machine, a login may take longer than a short deadline."""

    class Shared:
        def lock(self):
            return nullcontext()

        def read(self):
            return Token("a", "", "", 1000.0)

    monkeypatch.setattr(TokenValue, "of", lambda *args: Shared())
    monkeypatch.setattr(async_base, "create_dialect", partial(create_dialect, shared=Shared()))


@pytest.fixture
def server():
    server = HostileServer()
    yield server
    server.close()


@pytest.fixture
def tls_server(certificate):
    server = HostileServer(certificate.wrap)
    yield server
    server.close()


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
@both_hooks
def test_slow_responses_end_at_the_deadline(server, connect, get, answer):
    server.answer = answer
    connect(server)
    threads = threading.active_count()
    with pytest.raises((IQMTransportError, IQMServerError, IQMInvalidAnswerError)) as raised:
        get()
    if isinstance(raised.value, IQMTransportError):
        assert raised.value.sent
        assert raised.value.__cause__ is raised.value.__context__ is None
    server.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > threads + 2 and time.monotonic() < deadline:
        # Threads of the server and of the event loop end a moment later.
        time.sleep(0.01)
    assert threading.active_count() <= threads + 2


@pytest.mark.parametrize("what", ["header", "body", "chunks", "silence"])
@both_hooks
def test_slow_responses_over_tls(tls_server, connect, logged_in, certificate, get, what):
    tls_server.answer = SLOW[what]
    connect(tls_server, request_timeout=0.5, verify=str(certificate.path))
    with pytest.raises(IQMTransportError, match=r"wasn't complete after 0.5 s \(request_timeout\)"):
        get()


@both_hooks
def test_a_slow_login(server, connect, get):
    server.answers_log_in = False
    server.answer = SLOW["body"]
    connect(server)
    with pytest.raises(IQMTransportError, match=r"Failed to log in: .* wasn't complete after 0.3 s"):
        get()


@both_hooks
def test_read_timeouts_differ_from_request_timeouts(server, connect, logged_in, get):
    server.answer = SLOW["silence"]
    connect(server, request_timeout=60, read_timeout=0.2)
    with pytest.raises(IQMTransportError, match=r"no data for 0.2 s"):
        get()


@both_hooks
def test_slow_responses_are_retried(server, connect, logged_in, get, monkeypatch):
    monkeypatch.setattr(retries, "MAX_ATTEMPTS", 3)
    monkeypatch.setattr(retries, "_wait", lambda state: 0)
    server.answer = SLOW["body"]
    connect(server, request_timeout=0.1)
    with pytest.raises(IQMTransportError):
        get()
    # The server may be slower than the deadline.
    while server.requests < 3:
        time.sleep(0.01)
    assert server.requests == 3


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
@both_hooks
def test_endless_responses_take_no_memory(server, connect, get, answer):
    server.answer = answer
    connect(server, request_timeout=0.7)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((IQMTransportError, IQMServerError, IQMInvalidAnswerError)):
        get()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000


def compressed(body, coding):
    head = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
    return lambda: iter([OK + head, body])


BOMB = gzip.compress(b" " * (MAX_ANSWER_BYTES + 1))

BOMBS = {
    "gzip": compressed(BOMB, b"gzip"),
    "gzip twice": compressed(gzip.compress(BOMB), b"gzip, gzip"),
    "deflate": compressed(zlib.compress(b" " * (MAX_ANSWER_BYTES + 1)), b"deflate"),
    "two members": compressed(gzip.compress(b" " * MAX_ANSWER_BYTES) * 2, b"gzip"),
}


@pytest.mark.parametrize("answer", BOMBS.values(), ids=BOMBS)
@both_hooks
def test_decompression_is_limited(server, connect, get, answer):
    server.answer = answer
    connect(server, request_timeout=120)
    with pytest.raises(IQMTransportError, match=r"read audience 7: .*the response is larger than 32 MB"):
        get()


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"compress", b"gzip, " * 9 + b"gzip", b"\xff\xfe", b"gzip"])
@both_hooks
def test_an_unrequested_content_encoding(server, connect, get, coding):
    server.answer = compressed(b"x", coding)
    connect(server, request_timeout=60)
    with pytest.raises(IQMInvalidAnswerError, match="isn't JSON"):
        get()


@pytest.mark.parametrize("coding", [b"gzip", b"x-gzip", b"GZIP, identity", b"deflate", b"identity"])
@both_hooks
def test_compressed_responses(server, connect, get, coding):
    body = {b"deflate": zlib.compress(AUDIENCE), b"identity": AUDIENCE}.get(coding, gzip.compress(AUDIENCE))
    server.answer = compressed(body, coding)
    connect(server, request_timeout=60)
    assert get()["id"] == 7


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A list of 12 MB."""
    path = tmp_path_factory.mktemp("upload") / "list.csv"
    path.write_text("email\n" + "frodo@shire.example.com\n" * 500_000)
    with prepare_upload(
        file_path=path, audience_name="List", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    ) as prepared:
        yield prepared


@pytest.fixture
def upload(prepared):
    """Upload the list, once."""
    return lambda: IQMHook()._upload(prepared, resume=False)


def test_a_file_may_take_longer_than_the_deadline(server, connect, logged_in, upload, monkeypatch):
    body = b'{"statusCode": 200, "responseObject": {"id": 7}}'
    server.answer = lambda: iter([OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)])
    moments = [0.0]
    # A minute passes with each piece that is sent.
    monkeypatch.setattr(UploadProgress, "__call__", lambda *args: moments.append(moments[-1] + 60))
    monkeypatch.setattr(answer_limits, "time", SimpleNamespace(monotonic=lambda: moments[-1]))
    connect(server, request_timeout=90)
    assert upload() == 7
    assert moments[-1] > 90


@pytest.mark.parametrize("what", ["silence", "header", "body"])
def test_the_response_to_an_upload_has_a_deadline(server, connect, logged_in, upload, what):
    server.answer = SLOW[what]
    connect(server, request_timeout=0.3, upload_timeout=60)
    with pytest.raises(UploadOutcomeUnknownError, match=r"wasn't complete after 0.3 s|no data for 0.3 s"):
        upload()


def test_a_server_that_does_not_respond_to_an_upload(server, connect, logged_in, upload):
    server.answer = SLOW["silence"]
    connect(server, request_timeout=60, upload_timeout=0.5)
    with pytest.raises(UploadOutcomeUnknownError, match=r"no data for 0.5 s"):
        upload()


def test_a_server_that_stops_reading_an_upload(server, connect, logged_in, upload):
    server.pause = 30
    connect(server, upload_timeout=0.3)
    with pytest.raises(UploadOutcomeUnknownError, match="the connection was lost"):
        upload()


@pytest.mark.parametrize("what", ["header", "headers", "silence"])
@both_hooks
def test_a_slow_proxy(server, connect, get, what):
    server.answer = SLOW[what]
    connect(server, host="https://iqm.invalid", proxies={"https": server.url})
    with pytest.raises(IQMTransportError):
        get()
