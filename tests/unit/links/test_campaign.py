from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_iqm.links import base
from airflow_provider_iqm.links.campaign import IQMCampaignLink


@pytest.fixture
def pulled(monkeypatch):
    """The keys of the XComs that links read."""
    keys = []
    monkeypatch.setattr(base, "XCom", SimpleNamespace(get_value=lambda ti_key, key: keys.append(key) or "https://iqm"))
    return keys


@pytest.mark.parametrize(
    "operator",
    [
        SimpleNamespace(replaces="previous", campaign_ids=None),
        SimpleNamespace(replaces=None, campaign_ids=[1]),
        SimpleNamespace(campaign_ids=[1]),
        # A task as the web server of Airflow 2 knows it.
        SimpleNamespace(),
    ],
)
def test_the_link_of_a_task_that_changes_campaigns_is_read_from_xcom(pulled, operator):
    assert IQMCampaignLink().get_link(operator, ti_key="instance") == "https://iqm"
    assert pulled == ["iqm_campaign_link"]


def test_no_xcom_is_read_for_a_task_that_changes_no_campaigns(pulled):
    """Airflow would log an error in each upload's task."""
    assert IQMCampaignLink().get_link(SimpleNamespace(replaces=None, campaign_ids=None), ti_key="instance") == ""
    assert pulled == []
