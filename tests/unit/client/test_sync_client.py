"""Sending requests with requests: retries, the rate limit, and uploads."""

from __future__ import annotations

import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import (
    IQMError,
    IQMFinalError,
    IQMRateLimitError,
    IQMServerError,
    IQMTransportError,
)
from airflow_provider_iqm.hooks.iqm import IQMHook
from tests.unit.mocked_iqm import API, DETAILS, RENEW, UPLOAD, paths, prepared, token, upload


def test_server_errors_and_lost_connections_are_retried(hook, iqm, waits):
    iqm.get(
        f"{API}/api/v2/audience/matched/7",
        [
            {"status_code": 503, "headers": {"Retry-After": "7"}},
            {"exc": requests.exceptions.ConnectionError},
            {"status_code": 502, "text": "<html>Bad gateway</html>"},
            {"json": DETAILS},
        ],
    )
    assert hook.get_matched_audience(7)["id"] == 7
    assert 7 <= waits[0] <= 8
    assert all(wait <= 61 for wait in waits)


def test_server_errors_end_after_five_attempts(hook, iqm, waits):
    iqm.get(f"{API}/api/v2/audience/matched/7", status_code=500, json={})
    with pytest.raises(IQMServerError) as raised:
        hook.get_matched_audience(7)
    assert not isinstance(raised.value, AirflowFailException)
    assert paths(iqm).count("/api/v2/audience/matched/7") == 5
    assert len(waits) == 4


def test_a_server_error_with_a_long_retry_after_is_not_retried(hook, iqm, waits):
    iqm.get(f"{API}/api/v2/audience/matched/7", status_code=503, headers={"Retry-After": "3600"})
    with pytest.raises(IQMServerError):
        hook.get_matched_audience(7)
    assert waits == []


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "600"}])
def test_a_429_is_retried_for_an_hour(hook, iqm, waits, headers):
    iqm.get(f"{API}/api/v2/audience/matched/7", status_code=429, headers=headers)
    with pytest.raises(IQMRateLimitError):
        hook.get_matched_audience(7)
    assert 2900 < sum(waits) <= 3600


class WaitedError(Exception):
    """The hook would have waited."""


def test_requests_per_minute_is_a_limit_for_all_hooks_of_the_process(iqm_connection, iqm, monkeypatch):
    def stop(hook, seconds):
        raise WaitedError(seconds)

    monkeypatch.setattr(IQMHook, "_sleep", stop)
    iqm_connection(requests_per_minute=3, rate_limit_window=30, workspace_host="of.this.test")
    IQMHook().get_matched_audience(7)
    with pytest.raises(WaitedError):
        IQMHook().get_matched_audience(7)
    assert len(iqm.request_history) == 3


def test_a_429_blocks_other_hooks_of_the_account_too(iqm_connection, iqm, waits, monkeypatch):
    iqm_connection(requests_per_minute=10, rate_limit_window=30, workspace_host="of.that.test")
    iqm.get(f"{API}/api/v2/audience/matched/7", status_code=429, headers={"Retry-After": "20"})

    def stop(hook, seconds):
        raise WaitedError(seconds)

    monkeypatch.setattr(IQMHook, "_sleep", stop)
    for _ in range(2):
        with pytest.raises(WaitedError):
            IQMHook().get_matched_audience(7)
    assert [request.path for request in iqm.request_history].count("/api/v2/audience/matched/7") == 1


def test_an_upload_has_a_content_length(hook, iqm, audience_file):
    iqm.post(UPLOAD, json={"statusCode": 200, "responseObject": {"id": 15332, "message": "ok"}})
    assert upload(hook, audience_file) == 15332
    request = iqm.last_request
    body = b"".join(bytes(piece) for piece in request.body)
    assert int(request.headers["Content-Length"]) == len(body)
    assert "Transfer-Encoding" not in request.headers
    assert audience_file.read_bytes() in body


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 500, "json": {"statusCode": 500, "responseObject": {"errorMsg": "Internal server error"}}},
        {"status_code": 504, "text": "<html></html>"},
        {"exc": requests.exceptions.ReadTimeout},
        {"exc": requests.exceptions.ConnectionError},
        {"status_code": 307, "headers": {"Location": f"{API}/elsewhere"}},
        {"status_code": 200, "text": "{"},
    ],
)
def test_an_upload_is_never_sent_again_blindly(hook, iqm, audience_file, waits, answer):
    iqm.post(UPLOAD, [answer])
    looked = iqm.get(f"{API}/api/v2/audience/list", status_code=503)
    with pytest.raises(IQMError):
        upload(hook, audience_file)
    assert looked.called or answer.get("status_code") == 307
    assert paths(iqm).count("/api/v2/audience/matched/add") == 1
    with pytest.raises(IQMFinalError):
        hook._upload(prepared(audience_file), resume=False)


def test_an_upload_that_never_reached_iqm_is_retried_by_airflow(iqm_connection, audience_file, waits):
    iqm_connection(host="http://127.0.0.1:9")
    with pytest.raises(IQMTransportError) as raised:
        upload(IQMHook(), audience_file)
    assert not isinstance(raised.value, AirflowFailException)


def test_an_upload_refused_before_any_work_is_sent_again(hook, iqm, audience_file, waits):
    created = {"json": {"statusCode": 200, "responseObject": {"id": 2}}}
    iqm.post(UPLOAD, [{"status_code": 429}, {"status_code": 401, "json": {}}, created])
    iqm.post(RENEW, json=token("access-2"))
    assert upload(hook, audience_file) == 2
    bodies = [request.body for request in iqm.request_history if request.path.endswith("/add")]
    assert len(bodies) == 3
    assert len({len(body) for body in bodies}) == 1
