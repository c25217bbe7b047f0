from __future__ import annotations

import logging
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_iqm.assets.history import READY, UPLOADED, AudienceHistory, LastUpload
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.exceptions import AudienceOptionError

LOG = logging.getLogger(__name__)
ASSET = matched_audience_asset("Customers")
AUDIENCE = {
    "id": 7,
    "name": "Customers",
    "status": "Ready",
    "match_rate": 57.9,
    "uniques": 5,
    "records": 9,
    "data_cost": None,
}
UPLOAD = LastUpload(fingerprint="f" * 32, audience_id=7, audience_name="Customers", run_id="monday")


class State(dict):
    """The parts of an asset's state store that are used here."""

    def set(self, key, value):
        self[key] = value


class TaskInstance(SimpleNamespace):
    """The parts of a task's XComs that are used here."""

    def xcom_pull(self, *, task_ids, key, map_indexes, include_prior_dates):
        assert include_prior_dates
        return self.xcoms.get((task_ids, map_indexes, key))

    def xcom_push(self, *, key, value):
        self.xcoms[self.task_id, self.map_index, key] = value


def history(state=None, *, xcoms=None, map_index=-1, do_xcom_push=True, outlets=(ASSET,), inlets=()):
    task = SimpleNamespace(outlets=list(outlets), inlets=list(inlets), do_xcom_push=do_xcom_push)
    ti = TaskInstance(task_id="upload", map_index=map_index, xcoms={} if xcoms is None else xcoms)
    context = {"ti": ti}
    if state is not None:
        context["asset_state_store"] = MagicMock()
        context["asset_state_store"].__getitem__.side_effect = lambda asset: {ASSET.uri: state}[asset.uri]
    return AudienceHistory(task, context, log=LOG)


@pytest.mark.parametrize("ends", [{"outlets": [ASSET]}, {"outlets": [], "inlets": [ASSET]}])
def test_tasks_with_the_same_asset_share_its_state(ends):
    state = State()
    history(state).save_upload(UPLOAD)
    assert history(state, **ends).last_upload() == UPLOAD
    history(state).save_ready([AUDIENCE])
    # Whoever has found the audience ready.
    assert history(state, **ends).last_upload().audience == AUDIENCE


def test_without_an_asset_the_task_reads_its_own_xcoms():
    xcoms = {}
    kept = history(State(), xcoms=xcoms, outlets=["s3://bucket/key"])
    assert not kept.shared
    kept.save_upload(UPLOAD)
    assert history(xcoms=xcoms).last_upload() == UPLOAD
    assert {task_id for task_id, *_ in xcoms} == {"upload"}


@pytest.mark.parametrize("shared", [True, False])
def test_mapped_tasks_have_separate_histories(shared):
    state, xcoms = State() if shared else None, {}
    history(state, xcoms=xcoms, map_index=0).save_upload(UPLOAD)
    assert history(state, xcoms=xcoms, map_index=1).last_upload() is None
    assert history(state, xcoms=xcoms, map_index=0).last_upload() == UPLOAD


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "7",
        [],
        {},
        {"fingerprint": "f", "audience_id": "7", "audience_name": "", "run_id": "", "audience": None},
    ],
)
def test_values_of_other_formats_are_ignored(value):
    state = State({UPLOADED: value, READY: value})
    assert history(state).last_upload() is None
    assert history(state).last_ready() == []


@pytest.mark.parametrize("change", [{"id": 8}, {"status": "Processing"}, {"match_rate": "much"}, {"name": None}])
def test_only_a_ready_audience_of_this_upload_is_returned(change):
    state = State()
    history(state).save_upload(UPLOAD)
    state[READY] = [{**AUDIENCE, **change}]
    assert history(state).last_upload().audience is None


class BrokenState:
    def __init__(self, error):
        self._error = error

    def get(self, key):
        raise self._error

    def set(self, key, value):
        raise self._error


@pytest.mark.parametrize("kind", [AirflowException, RuntimeError, ConnectionError, KeyError, TypeError])
def test_store_failures_are_warnings(caplog, kind):
    error = kind("no database")
    kept = history(BrokenState(error))
    kept.save_upload(UPLOAD)
    kept.save_ready([AUDIENCE])
    assert kept.last_upload() is None
    assert kept.last_ready() == []
    assert caplog.text.count("the state of iqm://app.iqm.com/Customers; continuing without it") == 4
    assert caplog.text.count("no database") == 4


def test_a_task_without_a_store_is_rejected():
    kept = history(do_xcom_push=False)
    kept.save_upload(UPLOAD)
    assert kept.last_upload() is None
    with pytest.raises(AudienceOptionError, match=r"max_match_rate_drop.*do_xcom_push"):
        kept.check_enabled("max_match_rate_drop")
    history(State(), do_xcom_push=False).check_enabled("max_match_rate_drop")
