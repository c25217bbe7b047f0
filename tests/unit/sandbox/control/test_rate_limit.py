from __future__ import annotations

import contextlib

import pytest
import requests

from airflow_provider_iqm.sandbox.state.clock import Clock
from airflow_provider_iqm.sandbox.state.window import SlidingWindow

STATUSES = "/api/v2/audience/status"


def test_twenty_requests_a_minute_including_logins(account, sandbox) -> None:
    sandbox.change_settings(requests_per_minute=20)
    statuses = [account.call("GET", STATUSES).status_code for _ in range(22)]
    assert statuses == [200] * 19 + [429] * 3
    assert [record.limited for record in sandbox.requests] == [False] * 20 + [True] * 3


def test_the_window_slides_and_rejected_requests_count(account, sandbox) -> None:
    sandbox.change_settings(requests_per_minute=2)
    assert account.call("GET", STATUSES).status_code == 200
    for _ in range(8):
        sandbox.advance(10)
        assert account.call("GET", STATUSES).status_code == 429
    sandbox.advance(60.1)
    assert [account.call("GET", STATUSES).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("kind", ["drop_before", "drop_mid_body", "drop_after", "status", "hang"])
def test_dropped_and_rejected_requests_count(account, sandbox, kind: str) -> None:
    sandbox.change_settings(requests_per_minute=2)
    sandbox.add_fault(kind, path=STATUSES)
    with contextlib.suppress(requests.RequestException):
        account.call("GET", STATUSES, timeout=0.2)
    assert len(sandbox.requests) == 2
    assert account.log_in().status_code == 429


@pytest.mark.parametrize("wanted", [True, False])
def test_retry_after_is_optional(account, sandbox, wanted: bool) -> None:
    sandbox.change_settings(requests_per_minute=1, rate_limit_window=30, retry_after=wanted)
    assert account.log_in().status_code == 200
    sandbox.advance(10)
    answer = account.log_in()
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == ("30" if wanted else None)
    assert answer.json() == {"success": False, "errorObjects": [{"error": "Too many requests."}]}
    answer = account.session.get(sandbox.url + STATUSES)
    assert answer.json()["responseObject"] == {"errorMsg": "Too many requests.", "errorCode": 429}


def test_uploads_over_the_limit_are_rejected(account, sandbox) -> None:
    account.call("GET", STATUSES)
    sandbox.change_settings(requests_per_minute=2)
    assert account.upload(b"email\n" + b"x\n" * 1_000_000).status_code == 429
    assert sandbox.audiences == []
    assert account.call("GET", STATUSES).status_code == 429


def test_admin_calls_do_not_count(account, sandbox) -> None:
    sandbox.change_settings(requests_per_minute=1)
    assert {account.session.get(f"{sandbox.url}/_sandbox/settings").status_code for _ in range(5)} == {200}
    assert sandbox.requests == []


def test_a_lower_limit_counts_earlier_requests() -> None:
    clock = Clock()
    window = SlidingWindow(clock)
    for _ in range(3):
        assert window.admit(3, 60) is None
        clock.advance(10)
    wait = window.admit(1, 60)
    assert wait == pytest.approx(60, abs=1)
    clock.advance(61)
    assert window.admit(1, 60) is None
