"""Uploads that replace the audience of the run before, run after run against a local IQM."""

from __future__ import annotations

import datetime
import uuid
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.exceptions import (
    AudienceOptionError,
    CampaignTargetingError,
    IQMError,
    IQMFinalError,
    LowMatchRateError,
    RecordCountError,
)
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from tests.unit.hooks.test_replacement import never_neither, roles, status_of

MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Nights:
    """The runs of one task, which see each other's XComs as Airflow has them, or the state of an asset."""

    def __init__(self, sandbox, make_file, *, shared, own_state):
        self.sandbox, self.make_file, self.shared = sandbox, make_file, shared
        self.xcoms, self.states, self.tries, self.task_states = {}, {}, {}, {}
        self.own_state = own_state
        self.dag_id = f"dag_{uuid.uuid4()}"

    def run(
        self, night, records=3, run_type="scheduled", map_index=-1, fail=(), people=None, task_id="vip", **arguments
    ):
        """Run a night's task, or clear and run it again."""
        # Airflow deletes a run's XComs when its task starts again.
        own = self.xcoms[night, map_index] = {}
        self.tries[night] = self.tries.get(night, 0) + 1
        state = self.task_states.setdefault((night, map_index), {})

        def pull(key, task_ids, **_):
            known = [xcoms[key] for (each, _), xcoms in self.xcoms.items() if each <= night and key in xcoms]
            # Which of them is the first is up to Airflow.
            failing("read", key)
            return known[::-1] if isinstance(task_ids, list) else known[-1] if known else None

        def failing(how, key):
            if how in fail and key.startswith("iqm_current"):
                raise ConnectionError("no API server")

        ti = SimpleNamespace(
            dag_id=self.dag_id,
            task_id=task_id,
            run_id=f"night_{night}",
            map_index=map_index,
            try_number=self.tries[night],
            xcom_push=lambda key, value: failing("write", key) or own.update({key: value}),
            xcom_pull=pull,
        )
        context = {"ti": ti, "dag_run": SimpleNamespace(run_after=MOMENT + night * datetime.timedelta(days=1))}
        context["dag_run"].run_type = run_type
        if self.shared:
            asset = matched_audience_asset("VIP")
            arguments["inlets"] = [asset]
            context["asset_state_store"] = {
                asset: SimpleNamespace(
                    get=lambda key: failing("read", key) or self.states.get(key),
                    set=lambda key, value: failing("write", key) or self.states.update({key: value}),
                )
            }
        lines = [f"night{people or night}person{number}@shire.example" for number in range(records)]
        operator = MatchedAudienceUploadOperator(
            task_id=task_id,
            file_path=str(self.make_file("\n".join(["email", *lines, ""]))),
            audience_name=f"VIP {night}",
            columns={"email": "Email"},
            column_settings={"Email": "Raw"},
            lost_answer_timeout=0,
            poke_interval=0,
            **{"replaces": "previous", **arguments},
        )
        if self.own_state:
            context["task_state_store"] = SimpleNamespace(
                get=state.get, set=lambda key, value: state.update({key: value})
            )
        return operator.execute({**context, "task": operator})


@pytest.fixture(params=["XCom", "XCom and state", "asset"])
def nights(request, local_iqm, make_file):
    local_iqm.connect(api_version="v3")
    return Nights(local_iqm, make_file, shared=request.param == "asset", own_state=request.param != "XCom")


def there(sandbox):
    return [audience.id for audience in sandbox.audiences if audience.status != "Deleted"]


def test_each_night_replaces_the_audience_of_the_last(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    first = nights.run(1, campaign_ids=[campaign])
    assert roles(local_iqm, first) == ([campaign], [])
    excluding = local_iqm.add_campaign(excluded=[first])
    local_iqm.state.journal.clear()
    second = nights.run(2)
    assert roles(local_iqm, second) == ([campaign], [excluding])
    assert there(local_iqm) == [second]
    assert never_neither(local_iqm, first, second)
    paths = local_iqm.paths()
    # Asked before and after, changed, deleted; nothing more than four requests.
    replacing = paths[max(index for index, path in enumerate(paths) if "/cmp/" in path) - 1 :]
    expected = ["audience/list", "cmp/target/audience", "audience/list", "audience"]
    assert [path.removeprefix("/api/v3/") for path in replacing] == expected
    assert nights.xcoms[2, -1]["campaigns"] == {"included": [campaign], "excluded": [excluding]}
    assert nights.xcoms[2, -1]["iqm_campaign_link"]
    third = nights.run(3)
    assert roles(local_iqm, third) == ([campaign], [excluding])
    assert there(local_iqm) == [third]


def test_a_cleared_run_adopts_its_audience_and_changes_nothing(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    nights.run(1, campaign_ids=[campaign])
    second = nights.run(2)
    before = local_iqm.campaigns[0].timeline
    assert nights.run(2) == second
    assert local_iqm.campaigns[0].timeline == before
    assert there(local_iqm) == [second]


@pytest.mark.parametrize("given", [True, False])
def test_an_older_run_does_not_replace_the_audience_of_a_newer_one(nights, local_iqm, given):
    campaign = local_iqm.add_campaign()
    arguments = {"campaign_ids": [campaign]} if given else {}
    nights.run(1, campaign_ids=[campaign])
    nights.run(2, **arguments)
    third = nights.run(3, **arguments)
    before = local_iqm.campaigns[0].timeline
    nights.run(2, records=4, **arguments)
    nights.run(0, run_type="backfill", campaign_ids=[campaign])
    assert local_iqm.campaigns[0].timeline == before
    assert local_iqm.campaigns[0].included == (third,)
    fourth = nights.run(4, **arguments)
    assert local_iqm.campaigns[0].included == (fourth,)


def test_audiences_are_kept_for_a_rollback(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    made = [nights.run(1, keep_replaced=1, campaign_ids=[campaign])]
    made += [nights.run(night, keep_replaced=1) for night in (2, 3)]
    assert there(local_iqm) == made[1:]
    # Rolled back by hand, the next night goes on from there.
    IQMHook().replace_audience(made[2], made[1], delete_old=False)
    made.append(nights.run(4, keep_replaced=1))
    assert local_iqm.campaigns[0].included == (made[3],)
    assert there(local_iqm) == made[2:]


def test_failed_campaigns_are_changed_later(nights, local_iqm, add_audience):
    others = [add_audience() for _ in range(19)]
    first = nights.run(1)
    free, full = local_iqm.add_campaign(included=[first]), local_iqm.add_campaign(included=[first, *others])
    with pytest.raises(CampaignTargetingError) as error:
        nights.run(2)
    assert list(error.value.failed) == [full]
    assert first in there(local_iqm)
    IQMHook().target_audience(full, remove=others[:1])
    third = nights.run(3)
    assert roles(local_iqm, third) == ([free, full], [])
    assert [each for each in there(local_iqm) if each not in others] == [third]


def test_too_few_records_are_not_uploaded(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    first = nights.run(1, records=10, campaign_ids=[campaign])
    with pytest.raises(RecordCountError, match=r"has 6 records, 40.0 % fewer than the 10 before") as error:
        nights.run(2, records=6, max_records_drop=30)
    assert isinstance(error.value, IQMFinalError)
    with pytest.raises(RecordCountError, match="fewer than min_records=7"):
        nights.run(2, records=6, min_records=7)
    assert there(local_iqm) == [first]
    second = nights.run(3, records=7, max_records_drop=30)
    assert local_iqm.campaigns[0].included == (second,)


def test_a_failed_check_leaves_the_old_audience_in_place_with_advice(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    first = nights.run(1, campaign_ids=[campaign])
    with pytest.raises(LowMatchRateError) as error:
        nights.run(2, min_match_rate=100)
    second = there(local_iqm)[-1]
    assert f"airflow iqm replace {first} {second}" in str(error.value)
    assert local_iqm.campaigns[0].included == (first,)
    # Accepted by hand, or not: the next night replaces whichever is in place, and leaves nothing behind.
    third = nights.run(3)
    assert local_iqm.campaigns[0].included == (third,)
    assert there(local_iqm) == [third]


def test_a_retry_knows_the_audience_in_place(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    nights.run(1, campaign_ids=[campaign])
    nights.run(2)
    # The list has changed since, so that it is a new audience.
    retried = nights.run(2, records=4)
    assert roles(local_iqm, retried) == ([campaign], [])
    assert there(local_iqm) == [retried]
    with pytest.raises(RecordCountError, match="fewer than the 4 before"):
        nights.run(2, records=2, max_records_drop=10)


def test_an_audience_that_failed_a_check_is_not_kept_for_a_rollback(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    first = nights.run(1, campaign_ids=[campaign], keep_replaced=1)
    for night in (2, 3):
        with pytest.raises(LowMatchRateError) as error:
            nights.run(night, min_match_rate=100, keep_replaced=1)
        assert f"airflow iqm replace {first} {there(local_iqm)[-1]}" in str(error.value)
    fourth = nights.run(4, keep_replaced=1)
    assert local_iqm.campaigns[0].included == (fourth,)
    assert there(local_iqm) == [first, fourth]


def test_an_accepted_audience_is_kept_for_a_rollback(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    first = nights.run(1, campaign_ids=[campaign], keep_replaced=1)
    with pytest.raises(LowMatchRateError):
        nights.run(2, min_match_rate=100, keep_replaced=1)
    second = there(local_iqm)[-1]
    IQMHook().replace_audience(first, second, delete_old=False)
    third = nights.run(3, keep_replaced=1)
    assert there(local_iqm) == [second, third]


def test_an_audience_whose_wait_timed_out_is_deleted_later(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    nights.run(1, campaign_ids=[campaign])
    timeout = patch.object(MatchedAudienceUploadOperator, "_wait", side_effect=AirflowSensorTimeout)
    with timeout, pytest.raises(AirflowSensorTimeout):
        nights.run(2)
    third = nights.run(3)
    assert there(local_iqm) == [third]


def test_nothing_is_uploaded_without_a_readable_history(nights, local_iqm):
    campaign = local_iqm.add_campaign()
    first = nights.run(1, campaign_ids=[campaign])
    local_iqm.state.journal.clear()
    with pytest.raises(IQMError, match="Could not read the") as error:
        nights.run(2, fail=["read"])
    assert not isinstance(error.value, IQMFinalError)
    assert local_iqm.requests == []
    with pytest.raises(IQMError, match="Could not store in Airflow that the task created") as error:
        nights.run(2, fail=["write"])
    assert not isinstance(error.value, IQMFinalError)
    assert local_iqm.campaigns[0].included == (first,)
    second = nights.run(2)
    assert (local_iqm.campaigns[0].included, there(local_iqm)) == ((second,), [second])


def test_a_mapped_list_keeps_its_history_when_its_map_index_changes(nights, local_iqm):
    campaigns = {state: local_iqm.add_campaign() for state in ("CA", "AK")}
    for night, states in enumerate((["CA", "AK"], ["AK", "CA"]), start=1):
        made = {
            state: nights.run(
                night,
                map_index=index,
                people=f"{state}{night}",
                map_index_template=state,
                campaign_ids=[campaigns[state]] if night == 1 else None,
            )
            for index, state in enumerate(states)
        }
        for state, campaign in campaigns.items():
            assert roles(local_iqm, made[state]) == ([campaign], [])
        assert there(local_iqm) == sorted(made.values())


def test_mapped_lists_require_different_labels(nights, local_iqm):
    with pytest.raises(AudienceOptionError, match="requires map_index_template"):
        nights.run(1, map_index=0)
    assert local_iqm.requests == []
    nights.run(1, map_index=0, map_index_template="{{ task.task_id }}")
    local_iqm.state.journal.clear()
    with pytest.raises(AudienceOptionError, match="Map indexes 0 and 1 have the same label"):
        nights.run(1, map_index=1, map_index_template="{{ task.task_id }}")
    assert local_iqm.requests == []


def test_an_unchanged_list_does_not_reuse_another_tasks_audience(nights, local_iqm):
    other = nights.run(1, people="same", task_id="other", replaces=None, on_unchanged="skip", wait_for_ready=True)
    campaign = local_iqm.add_campaign()
    first = nights.run(2, people="same", on_unchanged="skip", campaign_ids=[campaign])
    assert first != other
    # Its own it does reuse.
    assert nights.run(3, people="same", on_unchanged="skip") == first
    last = nights.run(4, on_unchanged="skip")
    assert there(local_iqm) == [other, last]
    assert roles(local_iqm, last) == ([campaign], [])


def test_a_given_audience_is_replaced_but_not_deleted(nights, local_iqm, add_audience):
    old = add_audience()
    campaign = local_iqm.add_campaign(excluded=[old])
    new = nights.run(1, replaces=str(old))
    assert roles(local_iqm, new) == ([], [campaign])
    assert status_of(local_iqm, old) == "Ready"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"replaces": "last"}, "replaces contains 'last'"),
        ({"campaign_ids": []}, "campaign_ids is an empty list"),
        ({"keep_replaced": -1}, "keep_replaced is -1"),
        ({"keep_replaced": True}, "keep_replaced is True"),
        ({"max_records_drop": 101}, "max_records_drop is 101"),
        ({"max_records_drop": "30"}, "max_records_drop is a str"),
        ({"max_records_drop": float("nan")}, "max_records_drop is nan"),
        ({"min_records": "7"}, "min_records is a str"),
        ({"min_records": True}, "min_records is True"),
        ({"min_records": -1}, "min_records is -1"),
        ({"max_records_drop": 30, "replaces": None}, "Set replaces or campaign_ids"),
        ({"do_xcom_push": False}, "replaces compares with earlier runs"),
    ],
)
def test_invalid_arguments_send_no_request(nights, local_iqm, arguments, words):
    if nights.shared and "do_xcom_push" in arguments:
        pytest.skip("the asset's state is kept without XCom")
    with pytest.raises(IQMFinalError, match=words):
        nights.run(1, **arguments)
    assert local_iqm.requests == []


def test_classic_connections_require_campaigns_before_the_upload(nights, local_iqm):
    local_iqm.connect(api_version="classic")
    with pytest.raises(AudienceOptionError, match="replaces requires campaign_ids"):
        nights.run(1)
    assert local_iqm.requests == []
    campaign = local_iqm.add_campaign()
    first = nights.run(1, campaign_ids=[campaign])
    second = nights.run(2, campaign_ids=[campaign])
    assert (local_iqm.campaigns[0].included, there(local_iqm)) == ((second,), [second])
    assert never_neither(local_iqm, first, second)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_the_next_try_completes_an_interrupted_one(nights, local_iqm, kind):
    campaign, excluding = local_iqm.add_campaign(), local_iqm.add_campaign()
    made = [nights.run(1, campaign_ids=[campaign])]
    IQMHook().target_audience(excluding, exclude=made)
    local_iqm.state.journal.clear()
    made.append(nights.run(2))
    requests = len(local_iqm.requests)
    # The last four requests ask who uses both, change the campaigns, verify and delete.
    for night, last in enumerate(range(4), start=3):
        # From this request on nothing works, as for a process that is killed there.
        local_iqm.add_fault(kind, skip=requests - 1 - last, times=None)
        with pytest.raises(IQMError):
            nights.run(night)
        local_iqm.clear_faults()
        made.append(nights.run(night))
        assert never_neither(local_iqm, *made)
        assert roles(local_iqm, made[-1]) == ([campaign], [excluding])
        assert there(local_iqm) == [made[-1]]
