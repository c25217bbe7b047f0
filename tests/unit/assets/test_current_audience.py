from __future__ import annotations

import logging
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.assets.current_audience import CurrentAudience, CurrentAudienceStore

LOG = logging.getLogger(__name__)


def current(order, audience_id=7):
    return CurrentAudience(
        audience_ids=[audience_id], placed=None, records=None, order=order, map_index=-1, account="IQM"
    )


def store(found, own=None):
    """A store whose XComs and own state are given."""
    ti = SimpleNamespace(dag_id="dag", task_id="upload", run_id="monday", map_index=-1)
    ti.xcom_pull = lambda *, task_ids, key, include_prior_dates: found if include_prior_dates and task_ids else None
    context = {"ti": ti, "task_state_store": SimpleNamespace(get=lambda _: own)}
    return CurrentAudienceStore(SimpleNamespace(do_xcom_push=True), context, asset_state=None, log=LOG)


@pytest.mark.parametrize("orders", [(1.0, 3.0, 2.0), (3.0, 2.0, 1.0), (1.0, 2.0, 3.0)])
def test_the_newest_run_counts_regardless_of_airflows_order(orders):
    # Runs with and without a logical date are sorted apart.
    assert store([asdict(current(order)) for order in orders]).read() == current(3.0)


def test_values_of_the_same_run_survive_its_xcoms():
    assert store([asdict(current(1.0))], own=asdict(current(2.0))).read() == current(2.0)
    assert store([asdict(current(2.0, 7))], own=asdict(current(2.0, 8))).read() == current(2.0, 8)


@pytest.mark.parametrize("value", [None, 7, "7", {}, {**asdict(current(1.0)), "audience_ids": ["7"]}])
def test_values_of_other_formats_are_ignored(value):
    assert store([value], own=value).read() is None
    assert store(None).read() is None
