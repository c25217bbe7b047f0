from __future__ import annotations

import asyncio
import json
import time

import pytest
from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.triggers.matched_audience import AudienceReadyTrigger, get_shared_hook

LOG_IN = "/api/v3/ua/login"
DETAILS = "/api/v2/audience/matched/*"


@pytest.fixture(scope="module", autouse=True)
def looked_for_a_connection_before():
    """The first look in a process takes Airflow 3.1 a second; the tests measure what a triggerer does thereafter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_IQM_FIRST", '{"conn_type": "iqm"}')
        asyncio.run(get_async_connection("iqm_first"))


def trigger(*ids, poke_interval=0.05, deadline=None):
    # As the triggerer makes it: of what was stored in the database.
    given = AudienceReadyTrigger(list(ids), "iqm_default", poke_interval, deadline)
    path, arguments = given.serialize()
    assert path == "airflow_provider_iqm.triggers.matched_audience.AudienceReadyTrigger"
    return AudienceReadyTrigger(**json.loads(json.dumps(arguments)))


async def events(waiting):
    return [json.loads(json.dumps(event.payload)) async for event in waiting.run()]


def only_event(waiting):
    (event,) = asyncio.run(events(waiting))
    return event


def test_the_event_has_the_details_of_ready_audiences(local_iqm, add_audience, clock):
    local_iqm.change_settings(processing_seconds=0.2, pending_seconds=0.2)
    ids = [add_audience(f"List {number}") for number in range(3)]
    event = only_event(trigger(*ids))
    assert event["kind"] == "ready"
    assert [(item["id"], item["status"]) for item in event["audiences"]] == [(item, "Ready") for item in ids]
    assert AudienceReadySensor(task_id="wait", audience_id=ids).execute_complete({}, event) == event["audiences"]


def test_a_rejected_audience_ends_the_wait(local_iqm, add_audience):
    ids = [add_audience(status="Pending"), add_audience(status="Rejected", reason="Too few records"), add_audience()]
    event = only_event(trigger(*ids))
    assert event["kind"] == "failed"
    assert f"Audience {ids[1]}" in event["message"]


def test_an_unknown_audience_ends_the_wait(local_iqm):
    event = only_event(trigger(4711))
    assert event["kind"] == "error"
    assert event["message"].startswith("AudienceNotFoundError: ")


def test_a_refused_login_ends_the_wait_without_a_secret_in_the_event(local_iqm):
    local_iqm.connect(client_secret="other-s3cret")
    event = only_event(trigger(1))
    assert event["kind"] == "error"
    assert event["message"].startswith("IQMAuthenticationError: ")
    assert "other-s3cret" not in str(event)
    assert "pässwörd" not in str(event)


def test_a_missing_connection_ends_the_wait():
    event = only_event(AudienceReadyTrigger([1], "missing", 1))
    assert event["kind"] == "error"
    assert '"missing"' in event["message"]


def test_the_deadline_is_tested_after_a_poll(local_iqm, add_audience, clock):
    ready, pending = add_audience(), add_audience(status="Pending")
    past = clock.now - 100
    assert only_event(trigger(ready, deadline=past))["kind"] == "ready"
    event = only_event(trigger(pending, deadline=past))
    assert event["kind"] == "timeout"
    assert str(pending) in event["message"]


def test_the_last_poll_is_at_the_deadline(local_iqm, add_audience, clock):
    audience_id = add_audience(status="Pending")
    event = only_event(trigger(audience_id, poke_interval=60, deadline=clock.now + 0.5))
    assert event["kind"] == "timeout"
    assert clock.slept == [0.5]
    assert len(local_iqm.requests) == 3


def test_the_timeout_message_names_some_of_many(local_iqm, add_audience):
    ids = [add_audience(status="Pending") for _ in range(12)]
    message = only_event(trigger(*ids, deadline=0))["message"]
    assert str(ids[9]) in message
    assert str(ids[10]) not in message
    assert "and 2 more" in message


def test_the_poll_interval_grows(local_iqm, add_audience, clock):
    audience_id = add_audience(status="Pending")
    only_event(trigger(audience_id, poke_interval=16, deadline=clock.now + 100))
    assert clock.slept == [16, 24, 36, 24]
    assert len([request for request in local_iqm.requests if str(audience_id) in request.path]) == 5


def test_the_poll_interval_is_limited(local_iqm, add_audience, clock):
    audience_id = add_audience(status="Pending")
    only_event(AudienceReadyTrigger([audience_id], "iqm_default", 16, clock.now + 300, max_poke_interval=40))
    assert clock.slept == [16, 24, 36, 40, 40, 40, 40, 40, 24]


def test_triggers_share_the_rate_limit_of_their_pool_slots(local_iqm, add_audience):
    local_iqm.connect(rate_limit_window=0.5)
    ids = [add_audience(status="Pending") for _ in range(4)]
    end = time.time() + 3.2

    async def wait():
        await asyncio.gather(
            *(events(AudienceReadyTrigger([item], "iqm_default", 0.01, end, 0.01, pool_slots=2)) for item in ids)
        )

    started = time.monotonic()
    asyncio.run(wait())
    sent = [request.monotonic for request in local_iqm.requests]
    assert sent[0] - started >= 0.5
    # Eight slots, so at most eight in any half second.
    assert max(sum(moment <= other < moment + 0.5 for other in sent) for moment in sent) <= 8
    # The two slots of one trigger allow fewer, however busy the machine is.
    assert len(sent) > 2 * 2.7 / 0.5


@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "status", "status": 429}, {"kind": "drop_after"}])
def test_polls_again_after_temporary_errors(local_iqm, add_audience, clock, fault):
    local_iqm.connect(rate_limit_window=0.05)
    local_iqm.add_fault(path=DETAILS, times=12, **fault)
    assert only_event(trigger(add_audience()))["kind"] == "ready"


def test_triggers_log_in_once_and_close_their_sockets(local_iqm, add_audience, clock):
    local_iqm.change_settings(processing_seconds=0.3)
    ids = [add_audience() for _ in range(30)]

    async def wait():
        found = await asyncio.gather(*(events(trigger(item)) for item in ids))
        # Others come later.
        found += await asyncio.gather(*(events(trigger(item)) for item in ids))
        assert get_shared_hook("iqm_default")._client.session is None
        return found

    assert all(event["kind"] == "ready" for (event,) in asyncio.run(wait()))
    assert local_iqm.paths().count(LOG_IN) == 1


def test_another_event_loop_gets_its_own_hook(local_iqm, add_audience):
    audience_id = add_audience()
    assert only_event(trigger(audience_id)) == only_event(trigger(audience_id))
    assert local_iqm.paths().count(LOG_IN) == 2


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("moment", ["between polls", "in a request", "in the log-in"])
def test_other_triggers_continue_after_one_is_cancelled(local_iqm, add_audience, moment):
    killed, kept = add_audience(status="Pending"), add_audience(status="Pending")
    path = LOG_IN if moment == "in the log-in" else f"/api/v2/audience/matched/{killed}"
    if moment != "between polls":
        local_iqm.add_fault("hang", path=path, times=1)

    def there():
        (request,) = [request for request in local_iqm.requests if request.path == path] or [None]
        return request and (moment != "between polls" or request.seconds is not None)

    async def wait():
        first = asyncio.create_task(events(trigger(killed, poke_interval=3600)))
        await until(there)
        second = asyncio.create_task(events(trigger(kept)))
        # It polls, or waits for the log-in of the first.
        await until(lambda: moment == "in the log-in" or f"/api/v2/audience/matched/{kept}" in local_iqm.paths())
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        local_iqm.state.audiences.get(kept).status = "Ready"
        (event,) = await second
        assert get_shared_hook("iqm_default")._client.session is None
        return event

    assert asyncio.run(wait())["kind"] == "ready"


def test_the_event_loop_is_not_blocked(local_iqm, add_audience):
    ids = [add_audience(status="Pending") for _ in range(1000)]
    blocked = []

    async def watch():
        # The thread's own time: a busy machine, or the sandbox in another thread, doesn't count.
        while True:
            moment = time.thread_time()
            await asyncio.sleep(0.01)
            blocked.append(time.thread_time() - moment)

    async def wait():
        watching = asyncio.create_task(watch())
        waiting = asyncio.create_task(events(trigger(*ids)))
        await until(lambda: "/api/v2/audience/list" in local_iqm.paths())
        for item in ids:
            local_iqm.state.audiences.get(item).status = "Ready"
        found = await waiting
        watching.cancel()
        return found

    (event,) = asyncio.run(wait())
    assert len(event["audiences"]) == 1000
    assert local_iqm.paths().count("/api/v2/audience/list") == len(local_iqm.requests) - 1
    # The promise is 0.1 s; a processor that is shared with others is slower.
    assert sorted(blocked)[-2:][0] < 0.5


def test_an_error_event_fails_without_a_retry(local_iqm):
    event = only_event(trigger(4711))
    with pytest.raises(AirflowException, match="AudienceNotFoundError"):
        AudienceReadySensor(task_id="wait", audience_id=4711).execute_complete({}, event)
