"""Failed reporting (XCom, lineage, events) doesn't fail a task whose audience exists."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import MagicMock

import pytest

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.lineage import hook_lineage
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

API = "https://api.iqm.com"


@pytest.fixture
def iqm(requests_mock, iqm_connection):
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 35999, "owId": 1}
    requests_mock.post(f"{API}/api/v3/ua/login", json={"success": True, "data": token})
    created = {"statusCode": 200, "responseObject": {"id": 15332, "message": "ok"}}
    requests_mock.post(f"{API}/api/v2/audience/matched/add", json=created)
    ready = {"id": 15332, "audienceName": "List", "status": "Ready", "matchRate": 50, "metadata": "{}"}
    requests_mock.get(f"{API}/api/v2/audience/matched/15332", json={"statusCode": 200, "responseObject": ready})
    return requests_mock


class Broken:
    """Fails at whatever is asked of it."""

    def __init__(self, error):
        self.error = error

    def __getitem__(self, key):
        raise self.error

    def __call__(self, *args, **kwargs):
        raise self.error

    def get(self, key):
        raise self.error

    def set(self, key, value):
        raise self.error


ERRORS = [ValueError("too long"), ConnectionError("down")]
BROKEN = ["xcom", "outlets", "lineage", "task state", "asset state", "everything"]


@pytest.mark.parametrize("wait_for_ready", [False, True])
@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_failed_reporting_only_logs_a_warning(iqm, tmp_path, monkeypatch, broken, error, wait_for_ready):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    asset = matched_audience_asset("List")
    operator = MatchedAudienceUploadOperator(
        task_id="upload",
        file_path=str(path),
        audience_name="List",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
        outlets=[asset],
        on_unchanged="skip",
        wait_for_ready=wait_for_ready,
    )
    fails = Broken(error)

    def part(name, fine):
        return fails if broken in (name, "everything") else fine

    monkeypatch.setattr(hook_lineage, "_is_collected", lambda: True)
    monkeypatch.setattr(hook_lineage, "get_hook_lineage_collector", part("lineage", MagicMock()))
    ti = MagicMock(dag_id="dag", task_id="upload", run_id="run", map_index=-1, try_number=1)
    ti.xcom_push = part("xcom", MagicMock())
    state = MagicMock()
    state.get.return_value = None
    context = {
        "ti": ti,
        "dag_run": MagicMock(logical_date=datetime.now(UTC)),
        "outlet_events": part("outlets", MagicMock()),
        "task_state_store": part("task state", state),
        "asset_state_store": {asset: part("asset state", state)},
    }
    assert operator.execute(context) == 15332
    assert [request.path for request in iqm.request_history].count("/api/v2/audience/matched/add") == 1
