from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from airflow_provider_iqm.exceptions import IQMAccountOnHoldError
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.lineage import hook_lineage

ARGUMENTS = {"audience_name": "Customers / new", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}


@pytest.fixture
def collector(monkeypatch):
    """Airflow's own collector, as it is where a reader of lineage is installed."""
    try:
        from airflow.sdk import lineage as airflow_lineage
    except ImportError:
        from airflow.lineage import hook as airflow_lineage
    made = airflow_lineage.HookLineageCollector()
    for module in ("airflow.providers.common.compat.sdk", airflow_lineage.__name__):
        monkeypatch.setattr(f"{module}.get_hook_lineage_collector", lambda: made)
    return made


@pytest.fixture
def in_a_task(monkeypatch):
    monkeypatch.setattr(hook_lineage, "running_task", lambda: SimpleNamespace())


def collected():
    found = hook_lineage.get_hook_lineage_collector().collected_assets
    return [item.asset.uri for item in found.inputs], [(item.asset.uri, item.asset.extra) for item in found.outputs]


def test_reports_the_file_and_the_audience(local_iqm, collector, in_a_task, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    audience_id = IQMHook().upload_matched_audience(file_path=path, **ARGUMENTS)
    outputs = [("iqm://app.iqm.com/Customers%20%2F%20new", {"audience_id": audience_id})]
    assert collected() == ([path.as_uri()], outputs)


def test_a_dataframe_is_not_reported_as_a_file(local_iqm, collector, in_a_task):
    pandas = pytest.importorskip("pandas")
    IQMHook().upload_dataframe(pandas.DataFrame({"email": ["frodo@shire.example"]}), **ARGUMENTS)
    inputs, outputs = collected()
    assert not inputs
    assert len(outputs) == 1


def test_a_failed_upload_reports_no_output(local_iqm, collector, in_a_task, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    local_iqm.change_settings(on_hold=True)
    with pytest.raises(IQMAccountOnHoldError):
        IQMHook().upload_matched_audience(file_path=path, **ARGUMENTS)
    assert not collected()[1]


def test_a_script_reports_no_lineage(local_iqm, collector, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    IQMHook().upload_matched_audience(file_path=path, **ARGUMENTS)
    assert collected() == ([], [])


def test_a_replacement_reports_what_the_audience_replaced(local_iqm, collector, in_a_task, add_audience):
    local_iqm.connect(api_version="v3")
    old, new = add_audience("VIP 1"), add_audience("VIP 2")
    local_iqm.add_campaign(included=[old])
    IQMHook().replace_audience(old, new)
    assert collected() == ([], [("iqm://app.iqm.com/VIP%202", {"audience_id": new, "replaced": [old]})])


def test_lineage_contains_no_values(local_iqm, collector, in_a_task, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    IQMHook().upload_matched_audience(file_path=path, **ARGUMENTS)
    assert "frodo" not in json.dumps(collected())
