from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_iqm.triggers.upload_search import UploadSearchTrigger
from tests.integration.dialects import CALLS

STATE = {"token": "token", "sent_here": 1}


@pytest.fixture(params=["classic", "v3"])
def calls(request, local_iqm):
    local_iqm.connect(api_version=request.param)
    return CALLS[request.param]


@pytest.fixture
def search(clock):
    def search(seconds=30):
        arguments = {"earliest": time.time(), "deadline": clock.now + seconds, "iqm_conn_id": "iqm_default"}
        trigger = UploadSearchTrigger("List", "token", state=STATE, **arguments)

        async def run():
            # As a triggerer makes it.
            kind, made_of = trigger.serialize()
            assert kind == "airflow_provider_iqm.triggers.upload_search.UploadSearchTrigger"
            return [event.payload async for event in UploadSearchTrigger(**made_of).run()]

        (event,) = asyncio.run(run())
        return event

    return search


def own(add_audience, **facts):
    from airflow_provider_iqm.sandbox.state.audiences import UploadedFile

    file = UploadedFile("list-token.csv", size=1, sha256="0" * 64, header=("email",), records=1)
    return add_audience(file=file, **facts)


def test_finds_a_listed_audience(calls, search, add_audience):
    other, audience_id = add_audience(), own(add_audience)
    event = search()
    assert event["kind"] == "found"
    assert [audience["id"] for audience in event["audiences"]] == [audience_id]
    assert event["state"] == STATE
    assert other != audience_id


def test_finds_an_audience_that_is_listed_late(calls, search, local_iqm, add_audience):
    local_iqm.change_settings(list_delay_seconds=45)
    audience_id = own(add_audience)
    assert [audience["id"] for audience in search(300)["audiences"]] == [audience_id]


def test_does_not_find_an_unlisted_audience(calls, search, local_iqm, add_audience):
    add_audience()
    assert search() == {"kind": "not_found", "state": STATE}


def test_a_search_that_starts_after_its_deadline_searches_once(calls, search, add_audience):
    own(add_audience)
    assert search(-5)["kind"] == "found"


def test_a_foreign_audience_is_requested_once(calls, search, local_iqm, add_audience):
    for _ in range(3):
        add_audience()
    search(150)
    paths = local_iqm.paths()
    assert paths.count(calls.list) > 1
    assert sum(path.startswith(calls.details) for path in paths) == (3 if calls is CALLS["classic"] else 0)


def test_searches_again_after_server_errors(calls, search, local_iqm, add_audience):
    own(add_audience)
    local_iqm.add_fault("status", path=calls.list, status=503, times=5)
    assert search(300)["kind"] == "found"


def test_a_search_whose_last_try_fails_reports_the_error(calls, search, local_iqm, add_audience):
    local_iqm.add_fault("status", path=calls.list, status=503, times=None)
    event = search(5)
    assert event["kind"] == "search_failed"
    assert "503" in event["message"]


def test_a_refused_login_ends_the_search(calls, search, local_iqm):
    local_iqm.change_settings(on_hold=True)
    event = search(5)
    assert event["kind"] == "error"
    assert "IQMAccountOnHoldError" in event["message"]
