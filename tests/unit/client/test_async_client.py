"""Sending requests from an event loop: shared logins and connections, retries, proxies, TLS, cancellation."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.api.session.login import NoTokenStore
from airflow_provider_iqm.client import async_client
from airflow_provider_iqm.client.rate_limit.scope import rate_limiter
from airflow_provider_iqm.exceptions import (
    IQMInvalidAnswerError,
    IQMRequestError,
    IQMServerError,
    IQMTransportError,
)
from airflow_provider_iqm.hooks import async_base
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook
from airflow_provider_iqm.runtime.running_task import RunningTask

LOG_IN = "/api/v3/ua/login"
RENEW = "/api/v3/ua/oauth/token"
DETAILS = "/api/v2/audience/matched/*"


def test_coroutines_share_a_login(local_iqm, add_audience):
    ids = [add_audience() for _ in range(20)]

    async def ask():
        async with IQMAsyncHook() as hook:
            return await asyncio.gather(*map(hook.get_matched_audience, ids))

    assert [audience["id"] for audience in asyncio.run(ask())] == ids
    assert local_iqm.paths().count(LOG_IN) == 1
    assert len(local_iqm.requests) == 21


@pytest.mark.parametrize("refresh_too", [True, False])
def test_coroutines_share_a_renewal(local_iqm, add_audience, refresh_too):
    ids = [add_audience() for _ in range(20)]

    async def ask():
        async with IQMAsyncHook() as hook:
            await hook.get_matched_audience(ids[0])
            local_iqm.expire_tokens(refresh_too=refresh_too)
            # Some are refused only after others have renewed.
            local_iqm.add_fault("slow", path=DETAILS, seconds=0.3, skip=3, times=3)
            return await asyncio.gather(*map(hook.get_matched_audience, ids))

    assert len(asyncio.run(ask())) == 20
    assert local_iqm.paths().count(RENEW) == 1
    assert local_iqm.paths().count(LOG_IN) == (2 if refresh_too else 1)


def test_the_next_coroutine_repeats_a_cancelled_login(local_iqm, add_audience):
    audience_id = add_audience()
    local_iqm.add_fault("hang", path=LOG_IN)

    async def ask():
        hook = IQMAsyncHook()
        first = asyncio.create_task(hook.get_matched_audience(audience_id))
        second = asyncio.create_task(hook.get_matched_audience(audience_id))
        while LOG_IN not in local_iqm.paths():
            await asyncio.sleep(0.01)
        first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(ask())
    assert isinstance(first, asyncio.CancelledError)
    assert second["id"] == audience_id


def test_http_connections_are_shared_inside_the_block_and_closed_after_it(local_iqm, add_audience):
    audience_id = add_audience()

    async def ask():
        hook = IQMAsyncHook()
        async with hook:
            async with hook:
                await hook.get_matched_audience(audience_id)
            await hook.get_matched_audience(audience_id)
            assert hook._client.session is not None
        assert hook._client.session is None
        await hook.get_matched_audience(audience_id)
        assert hook._client.session is None

    asyncio.run(ask())
    ports = [request.client_port for request in local_iqm.requests]
    assert len(set(ports[:3])) == 1
    assert ports[3] != ports[2]
    assert local_iqm.paths().count(LOG_IN) == 1


def get(audience_id=1):
    return asyncio.run(IQMAsyncHook().get_matched_audience(audience_id))


def test_temporary_faults_are_retried(local_iqm, add_audience):
    audience_id = add_audience()
    for kind in ("html", "drop_after", "truncate", "drop_before"):
        local_iqm.add_fault(kind, path=DETAILS)
    assert get(audience_id)["id"] == audience_id


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"kind": "hang"}, IQMTransportError, "no data for 0.2 s"),
        ({"kind": "drop_before"}, IQMTransportError, "closed the connection"),
        ({"kind": "truncate"}, IQMTransportError, "was cut off"),
        ({"kind": "html", "status": 502}, IQMServerError, "HTML page"),
        ({"kind": "status", "status": 200, "body": "<html>"}, IQMInvalidAnswerError, "isn't JSON"),
    ],
)
def test_permanent_faults_are_retryable_errors(local_iqm, add_audience, fault, error, words):
    local_iqm.connect(read_timeout=0.2)
    local_iqm.add_fault(path=DETAILS, times=None, **fault)
    with pytest.raises(error, match=words) as raised:
        get(add_audience())
    assert not isinstance(raised.value, AirflowFailException)
    assert getattr(raised.value, "sent", True)


def test_connection_refused(local_iqm):
    local_iqm.connect(host="http://127.0.0.1:9")
    with pytest.raises(IQMTransportError, match=r"could not connect \(ConnectionRefusedError\)") as raised:
        get()
    assert not raised.value.sent


def test_no_redirect_is_followed(local_iqm):
    local_iqm.add_fault("status", path=DETAILS, status=307, headers={"Location": f"{local_iqm.url}/elsewhere"})
    with pytest.raises(IQMRequestError, match="Redirects aren't followed"):
        get()
    assert "/elsewhere" not in local_iqm.paths()


def test_netrc_is_ignored(local_iqm, add_audience, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login netrc-user password netrc-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    get(add_audience())
    assert [request.authorization for request in local_iqm.requests] == ["Basic", "Bearer"]


class Answers(BaseHTTPRequestHandler):
    """Responds to a login and to a request for an audience's details, directly or as a proxy."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        audience = {"id": 1, "audienceName": "List", "status": "Ready"}
        token = {"access_token": "a", "expires_in": 100}
        body = json.dumps(
            {"success": True, "data": token} if self.command == "POST" else {"success": True, "data": audience}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - http.server's own names

    def log_message(self, *arguments):
        pass


@pytest.fixture
def other_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked = []
    yield server
    server.shutdown()
    server.server_close()


def start(server):
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.mark.parametrize("place", ["extra", "environment"])
def test_a_proxy_is_used(local_iqm, other_server, monkeypatch, place):
    start(other_server)
    proxy = f"http://127.0.0.1:{other_server.server_port}"
    host = {"host": "http://iqm.internal", "allow_http": True}
    if place == "environment":
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        local_iqm.connect(**host)
    else:
        local_iqm.connect(**host, proxies={"http": proxy})
    assert get()["id"] == 1
    assert other_server.asked == [f"http://iqm.internal{LOG_IN}", "http://iqm.internal/api/v2/audience/matched/1"]


def test_tls_checks_follow_the_connection(local_iqm, other_server, certificate, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        # They win over "verify": false in requests, and so they do here.
        monkeypatch.delenv(name, raising=False)
    other_server.socket = certificate.wrap(other_server.socket)
    start(other_server)
    host = f"https://127.0.0.1:{other_server.server_port}"
    local_iqm.connect(host=host)
    with pytest.raises(IQMTransportError, match="TLS failed"):
        get()
    for verify in (str(certificate.path), False):
        local_iqm.connect(host=host, verify=verify)
        assert get()["id"] == 1
        assert IQMHook().get_matched_audience(1)["id"] == 1


def test_in_a_task_the_pool_slots_limit_the_requests(local_iqm, iqm_connection, add_audience, monkeypatch):
    iqm_connection(host=local_iqm.url)
    task = RunningTask(identity="async task", pool="iqm_api", pool_slots=2, age=1000)
    monkeypatch.setattr(async_client, "running_task", lambda: task)
    limiters = []

    def find(*arguments, **options):
        limiters.append(rate_limiter(*arguments, **options))
        return limiters[-1]

    monkeypatch.setattr(async_client, "rate_limiter", find)
    get(add_audience())
    login, details = limiters
    assert login is details
    assert login.slots.has_slots
    assert len(login.slots.recent()) == 2


def test_determining_the_scope_does_not_block_the_event_loop(local_iqm, add_audience, monkeypatch):
    threads = []

    def look_up(settings, *, is_task):
        threads.append(threading.current_thread())
        return "pool"

    monkeypatch.setattr("airflow_provider_iqm.client.rate_limit.scope.rate_limit_scope", look_up)
    get(add_audience())
    assert threads
    assert threading.main_thread() not in threads


class LoginLock(NoTokenStore):
    """Records which threads release the lock of the login, and can block the lock."""

    def __init__(self):
        self.released = []
        self.available = threading.Event()
        self.available.set()
        self.is_waiting = threading.Event()
        self.waiting = 0

    @contextmanager
    def lock(self):
        self.is_waiting.set()
        self.waiting += 1
        assert self.available.wait(10)
        try:
            yield
        finally:
            self.released.append(threading.current_thread())


@pytest.fixture
def login_lock(monkeypatch):
    store = LoginLock()
    monkeypatch.setattr(async_base, "uses_shared_store", lambda settings: True)
    monkeypatch.setattr(async_base, "shared_login", lambda *_: {"shared": store})
    return store


def check_released(login_lock):
    (thread,) = login_lock.released
    assert thread is not threading.main_thread()


def test_a_cancelled_login_releases_its_lock_at_once_but_not_in_the_event_loop(local_iqm, add_audience, login_lock):
    local_iqm.add_fault("hang", path=LOG_IN)

    async def ask():
        task = asyncio.create_task(IQMAsyncHook().get_matched_audience(add_audience()))
        while LOG_IN not in local_iqm.paths():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            while not login_lock.released:
                await asyncio.sleep(0.01)
        check_released(login_lock)

    asyncio.run(ask())


def test_a_login_that_is_cancelled_while_it_waits_for_its_lock_releases_it(local_iqm, add_audience, login_lock):
    login_lock.available.clear()

    async def ask():
        task = asyncio.create_task(IQMAsyncHook().get_matched_audience(add_audience()))
        assert await asyncio.to_thread(login_lock.is_waiting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not login_lock.released
        login_lock.available.set()
        async with asyncio.timeout(10):
            while not login_lock.released:
                await asyncio.sleep(0.01)
        check_released(login_lock)

    asyncio.run(ask())
    assert LOG_IN not in local_iqm.paths()


def test_hooks_that_wait_for_a_login_leave_the_event_loop_its_threads(local_iqm, add_audience, login_lock):
    login_lock.available.clear()

    async def ask():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        tasks = [asyncio.create_task(IQMAsyncHook().get_matched_audience(add_audience())) for _ in range(3)]
        async with asyncio.timeout(10):
            while login_lock.waiting < len(tasks):
                await asyncio.sleep(0.01)
            await asyncio.to_thread(login_lock.available.set)
        await asyncio.gather(*tasks)

    asyncio.run(ask())
