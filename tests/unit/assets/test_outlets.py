from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import MagicMock

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.assets.outlets import audience_event, describe_in_asset_events, remove_audience_outlets

OTHER = Asset(uri="s3://bucket/key")


def ready(audience_id, name):
    more = {"match_rate": 57.9, "uniques": 5, "records": 9, "data_cost": None}
    return audience_event({"id": audience_id, "name": name, "status": "Ready", **more})


def told(outlets, *events):
    extras = defaultdict(lambda: SimpleNamespace(extra={"mine": 1}))
    by_uri = MagicMock()
    by_uri.__getitem__.side_effect = lambda asset: extras[asset.uri]
    assert describe_in_asset_events(
        SimpleNamespace(outlets=outlets, log=MagicMock()), {"outlet_events": by_uri}, events
    )
    return {uri: accessor.extra for uri, accessor in extras.items()}


def test_a_single_audience_is_described_in_all_events_and_user_extras_stay():
    event = ready(7, "Customers 2026-01-01")
    assert told([OTHER, matched_audience_asset("Customers")], event) == {
        "iqm://app.iqm.com/Customers": {"mine": 1, **event}
    }


def test_several_audiences_are_matched_to_outlets_by_name():
    events = ready(7, "In MA"), ready(8, "In NJ")
    assert told([matched_audience_asset("In NJ"), matched_audience_asset("Customers")], *events) == {
        "iqm://app.iqm.com/In%20NJ": {"mine": 1, **events[1]},
        "iqm://app.iqm.com/Customers": {"mine": 1, "audiences": list(events)},
    }


def test_only_audiences_are_removed_from_the_outlets():
    task = SimpleNamespace(outlets=[OTHER, matched_audience_asset("Customers")])
    remove_audience_outlets(task, log=MagicMock())
    assert task.outlets == [OTHER]
