from __future__ import annotations

import time

import pytest
import requests

ADD = "/api/v2/audience/matched/add"
STATUSES = "/api/v2/audience/status"


def test_a_status_without_processing(account, sandbox) -> None:
    sandbox.add_fault("status", path=ADD, status=500)
    answer = account.upload()
    assert answer.status_code == 500
    assert answer.json()["responseObject"] == {"errorMsg": "Internal Server Error", "errorCode": 500}
    assert sandbox.audiences == []
    assert account.upload().status_code == 200


def test_a_status_with_body_and_headers(account, sandbox) -> None:
    sandbox.add_fault("status", path=STATUSES, status=429, body={"a": [1]}, headers={"Retry-After": "3"})
    sandbox.add_fault("status", path=STATUSES, status=503, body="come back later")
    sandbox.add_fault("status", path=STATUSES, status=200, body="<html>sign in</html>")
    first, second, third = (account.call("GET", STATUSES) for _ in range(3))
    assert (first.status_code, first.json(), first.headers["Retry-After"]) == (429, {"a": [1]}, "3")
    assert (second.status_code, second.text) == (503, "come back later")
    assert second.headers["Content-Type"].startswith("text/plain")
    assert (third.status_code, third.headers["Content-Type"].partition(";")[0]) == (200, "text/html")


def test_login_errors_have_the_v3_envelope(account, sandbox) -> None:
    sandbox.add_fault("status", status=500)
    assert account.log_in().json() == {"success": False, "errorObjects": [{"error": "Internal Server Error"}]}


@pytest.mark.parametrize(("kind", "status", "made"), [("html", 502, 0), ("status_after_work", 504, 1)])
def test_error_pages_of_a_proxy(account, sandbox, kind: str, status: int, made: int) -> None:
    sandbox.add_fault(kind, path=ADD)
    answer = account.upload()
    assert answer.status_code == status
    assert answer.text.startswith("<html>")
    assert len(sandbox.audiences) == made


@pytest.mark.parametrize(("kind", "made"), [("drop_before", 0), ("drop_mid_body", 0), ("drop_after", 1)])
def test_dropped_connections(account, sandbox, kind: str, made: int) -> None:
    sandbox.add_fault(kind, method="POST", path=ADD)
    with pytest.raises(requests.ConnectionError) as caught:
        account.upload()
    assert not isinstance(caught.value, requests.Timeout)
    assert len(sandbox.audiences) == made
    record = sandbox.requests[-1]
    assert (record.fault, record.status) == (kind, None)
    assert account.upload().status_code == 200


@pytest.mark.parametrize(("after_bytes", "least"), [(None, 2 << 20), (100_000, 100_000)])
def test_a_connection_dropped_in_the_middle_of_a_body(account, sandbox, after_bytes, least: int) -> None:
    content = b"email\n" + b"ann@example.com\n" * (1 << 18)
    sandbox.add_fault("drop_mid_body", path=ADD, after_bytes=after_bytes)
    with pytest.raises(requests.ConnectionError):
        account.upload(content)
    record = sandbox.requests[-1]
    assert record.content_length is not None
    assert least <= record.body_bytes < record.content_length
    assert sandbox.audiences == []


def test_truncated_responses(account, sandbox) -> None:
    sandbox.add_fault("truncate", path=ADD)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        account.upload()
    assert len(sandbox.audiences) == 1


def test_slow_responses(account, sandbox) -> None:
    sandbox.add_fault("slow", path=ADD, seconds=0.3)
    started = time.monotonic()
    assert account.upload().status_code == 200
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    ("kind", "seconds", "made"), [("hang", 1.0, 0), ("hang_after_work", 1.0, 1), ("slow", 30.0, 1)]
)
def test_a_request_that_is_never_answered(account, sandbox, kind: str, seconds: float, made: int) -> None:
    form, headers = account.form(), account.headers
    file = {"file": ("people.csv", b"email,zip\r\nann@example.com,01234\r\nbob@example.com,98765\r\n", "text/csv")}
    sandbox.add_fault(kind, path=ADD, seconds=seconds)
    with pytest.raises(requests.ReadTimeout):
        requests.post(sandbox.url + ADD, data=form, files=file, headers=headers, timeout=(60, 0.3))
    # On a busy machine the work may take longer than the client waits.
    while len(sandbox.audiences) < made:
        time.sleep(0.01)
    assert len(sandbox.audiences) == made
    assert account.call("GET", STATUSES).status_code == 200


def test_faults_match_method_and_path(account, sandbox) -> None:
    sandbox.add_fault("status", method="PUT", path=STATUSES)
    sandbox.add_fault("status", method="GET", path="/api/v2/audience/matched/[0-9]*", status=503)
    audience_id = account.new_id()
    assert account.call("GET", STATUSES).status_code == 200
    assert account.call("GET", f"/api/v2/audience/matched/{audience_id}").status_code == 503
    assert account.details(audience_id)["id"] == audience_id
    assert [fault.method for fault in sandbox.faults] == ["PUT"]


def test_faults_are_counted_down(account, sandbox) -> None:
    account.call("GET", STATUSES)
    sandbox.add_fault("status", path=STATUSES, status=500, skip=1, times=2)
    sandbox.add_fault("status", path=STATUSES, status=502, skip=1)
    codes = [account.call("GET", STATUSES).status_code for _ in range(6)]
    # Both let the first one pass; the second fault waits while the first one hits.
    assert codes == [200, 500, 500, 502, 200, 200]
    assert sandbox.faults == []


def test_permanent_faults_can_be_removed(account, sandbox) -> None:
    account.call("GET", STATUSES)
    sandbox.add_fault("status", times=None)
    assert {account.call("GET", STATUSES).status_code for _ in range(4)} == {500}
    sandbox.clear_faults()
    assert account.call("GET", STATUSES).status_code == 200


def test_requests_over_the_limit_do_not_use_up_faults(account, sandbox) -> None:
    account.call("GET", STATUSES)
    sandbox.change_settings(requests_per_minute=1)
    sandbox.add_fault("drop_before", path=STATUSES)
    assert account.call("GET", STATUSES).status_code == 429
    assert len(sandbox.faults) == 1


def test_a_gateway_timeout_before_the_work_is_done(account, sandbox) -> None:
    sandbox.add_fault("status_before_work", path=ADD, seconds=15)
    assert account.upload().status_code == 504
    (audience,) = sandbox.audiences
    path = f"/api/v2/audience/matched/{audience.id}"
    assert account.listed() == []
    assert account.call("GET", path).status_code == 404
    assert account.call("GET", f"/api/v3/audience/matched/{audience.id}").status_code == 422
    sandbox.advance(15.1)
    assert [row["id"] for row in account.listed()] == [audience.id]
    assert account.details(audience.id)["createdDate"] == audience.created_ms // 1000
    assert account.upload().status_code == 200
