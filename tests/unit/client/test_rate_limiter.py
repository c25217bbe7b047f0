from __future__ import annotations

import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.client.rate_limiter import Pace

WINDOW = 60.0


def pace(slots=1, free_at=0.0, even=True):
    made = Pace(window=WINDOW, even=even, label="")
    made.add(slots, free_at=free_at)
    return made


def test_a_slot_rests_for_a_window_after_the_answer():
    one = pace()
    turn = one.take(10)
    assert turn.wait == 0
    one.answered(turn, 25)
    assert one.take(30).wait == 55


def test_the_first_request_waits_until_the_slots_are_free():
    assert pace(3, free_at=60).take(12).wait == 48


def test_requests_of_several_slots_are_spaced_evenly():
    some, now, moments = pace(4, free_at=60), 0.0, []
    for _ in range(9):
        turn = some.take(now)
        now += turn.wait
        moments.append(now)
        some.answered(turn, now)
    assert moments == [60 + 15 * number for number in range(9)]


def test_a_process_outside_the_pool_may_send_at_once_until_the_limit():
    own = pace(20, even=False)
    assert [own.take(0).wait for _ in range(21)] == [0] * 20 + [60]


def test_held_slots_go_when_their_holder_goes():
    shared = Pace(window=WINDOW, even=True, label="")
    with shared.holding(2, since=0), shared.holding(1, since=30):
        assert len(shared) == 3
        assert shared.take(0).wait == 60
    assert len(shared) == 0


TASK = st.tuples(
    st.integers(1, 6),  # slots
    st.integers(0, 5),  # requests
    st.floats(0, 50),  # until a request is answered
    st.floats(0, 1),  # when in between IQM counts it
    st.floats(0, 100),  # work between two requests
)


@settings(max_examples=300, deadline=None)
@given(tasks=st.lists(TASK, max_size=40))
def test_no_window_ever_holds_more_requests_than_the_pool_has_slots(tasks):
    """Tasks with any number of slots follow each other in one pool, each as soon as its slots are free."""
    pool, now, running, counted = 6, 0.0, [], []
    for order, (slots, requests, duration, share, work) in enumerate(tasks):
        while pool < slots:
            now, _, freed = heapq.heappop(running)
            pool += freed
        pool -= slots
        own, moment = pace(slots, free_at=now + WINDOW), now
        for _ in range(requests):
            turn = own.take(moment)
            moment += turn.wait
            counted.append(moment + share * duration)
            moment += duration
            own.answered(turn, moment)
            moment += work
        heapq.heappush(running, (moment, order, slots))
    counted.sort()
    # A millionth of a second for the arithmetic.
    crowds = [later - earlier for earlier, later in zip(counted, counted[6:], strict=False)]
    assert all(crowd >= WINDOW - 1e-6 for crowd in crowds)


@pytest.mark.parametrize("slots", [1, 3])
def test_a_task_that_has_more_to_ask_uses_all_of_its_budget(slots):
    some, now = pace(slots, free_at=60), 0.0
    sent = []
    for _ in range(20 * slots):
        turn = some.take(now)
        now += turn.wait
        sent.append(now)
        now += 0.1
        some.answered(turn, now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert max(gaps) < 1.01 * WINDOW / slots + 0.2
