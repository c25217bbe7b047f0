"""Whatever bytes come over the wire: one of our errors or a result, from both hooks."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.client import retries
from airflow_provider_iqm.exceptions import IQMError, IQMInvalidAnswerError
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook
from tests.unit.client.hostile import HostileServer

OK = b"HTTP/1.1 200 OK\r\n"
AUDIENCE = b'{"statusCode": 200, "responseObject": {"id": 7, "status": "Ready"}}'

ANSWERS = {
    "nothing": b"",
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "http 0.9": AUDIENCE,
    "no status": b"HTTP/1.1\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "negative status": b"HTTP/1.1 -1 OK\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "status 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "status 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "status 304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "http 3": b"HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "negative length": OK + b"Content-Length: -5\r\n\r\n",
    "length that is none": OK + b"Content-Length: x\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    "length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length of 5,000 digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "chunk that is none": OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "negative chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
    "chunks cut off": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12",
    "unknown transfer encoding": OK + b"Transfer-Encoding: br\r\n\r\n12",
    "header without a colon": OK + b"X\r\n\r\n",
    "header with zeros": OK + b"X: \x00\x01\r\nContent-Length: 2\r\n\r\n{}",
    "header that isn't utf-8": OK + b"Retry-After: \xff\xfe\r\nContent-Type: \xe9\r\nContent-Length: 2\r\n\r\n{}",
    "folded header": OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "long header": OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
    "many headers": OK + b"X: y\r\n" * 1000 + b"\r\n",
    "cookie": OK + b"Set-Cookie: \xff=;;;=; Expires=\x00\r\nContent-Length: 2\r\n\r\n{}",
    "redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    "redirect to bytes": b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\x00\r\nContent-Length: 0\r\n\r\n",
    "redirect to a file": b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "deeply nested": OK + b"\r\n" + b"[" * 100_000,
    "charset that is none": OK + b"Content-Type: application/json; charset=\xff\r\nContent-Length: 2\r\n\r\n{}",
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
def server(iqm_connection, monkeypatch):
    monkeypatch.setattr(retries, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(retries, "MAX_RATE_LIMITED_WAIT", -1)
    server = HostileServer()
    iqm_connection(host=server.url, request_timeout=2, requests_per_minute=10_000)
    yield server
    server.close()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("log_in", [False, True], ids=["call", "log-in"])
@both_hooks
def test_invalid_responses(server, get, answer, log_in):
    server.answers_log_in = not log_in
    server.answer = lambda: iter([answer])
    with pytest.raises(IQMError) as raised:
        get()
    assert raised.value.__cause__ is None
    str(raised.value).encode()


@both_hooks
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.sampled_from([b"", b"HTTP/1.1 ", OK, OK + b"Content-Length: 9\r\n", OK + b"\r\n"]), rest=st.binary())
def test_any_bytes(server, get, start, rest):
    server.answer = lambda: iter([start + rest])
    try:
        get()
    except IQMError as error:
        str(error).encode()


@pytest.mark.parametrize("name", ["owId", "access_token"])
@pytest.mark.parametrize("value", ["1\\r\\nX-Evil: 1", "wörkspace", "\\u20ac", "\\ud800", "\\u0000", "a b"])
@both_hooks
def test_a_login_response_cannot_inject_headers(server, get, name, value):
    token = f'{{"access_token": "a", "{name}": "{value}"}}'.encode()
    server.answers_log_in = False
    server.answer = lambda: iter([OK + b"Content-Length: %d\r\n\r\n%s" % (len(token), token)])
    with pytest.raises(IQMInvalidAnswerError, match="not as documented"):
        get()
    assert server.requests == 1
