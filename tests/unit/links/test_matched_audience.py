from __future__ import annotations

import pytest

from airflow_provider_iqm.get_provider_info import get_provider_info
from airflow_provider_iqm.links.matched_audience import IQMAudienceLink, audience_url
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator


def test_links_to_one_audience_or_to_the_list_of_several():
    assert audience_url("acme.iqm.com", [15332]) == "https://acme.iqm.com/#/audience/15332"
    assert audience_url("acme.iqm.com", [15332, 15333]) == "https://acme.iqm.com/#/audience"


@pytest.mark.parametrize("operator", [MatchedAudienceUploadOperator, SqlToMatchedAudienceOperator, AudienceReadySensor])
def test_the_links_are_registered_with_airflow(operator):
    link = operator.operator_extra_links[0]
    assert link.name == "IQM audience"
    assert f"{type(link).__module__}.{type(link).__qualname__}" in get_provider_info()["extra-links"]


def test_the_link_is_read_from_xcom(monkeypatch):
    pushed = {}
    monkeypatch.setattr(
        "airflow_provider_iqm.links.base.XCom.get_value", lambda *, ti_key, key: pushed.get((ti_key, key))
    )
    link = IQMAudienceLink()
    assert link.get_link(None, ti_key="instance") == ""
    pushed["instance", link.xcom_key] = "https://app.iqm.com/#/audience/1"
    assert link.get_link(None, ti_key="instance") == "https://app.iqm.com/#/audience/1"
