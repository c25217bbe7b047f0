"""The task log of an audience that is refreshed every night, as an on-call engineer reads it."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from contextlib import closing

import pytest

from tests.integration.test_task_log import last_error, own_lines, with_marks

DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

with DAG("DAG_ID", schedule=None, start_date=datetime(2026, 1, 1), max_active_runs=1) as dag:
    SqlToMatchedAudienceOperator(
        task_id="vip", conn_id="warehouse", sql="SELECT email FROM vip", columns={"email": "Email"},
        hash_columns={"email": "SHA256"}, audience_name="VIP customers", replaces="previous", wait_for_ready=True,
        deferrable=True, poke_interval=0.2, outlets=[matched_audience_asset("VIP customers")], **ARGUMENTS
    )
"""
GATES = {"min_records": 2, "max_records_drop": 30, "max_match_rate_drop": 10}


@pytest.fixture
def api_version():
    return "v3"


@pytest.fixture
def night(run_dag, sandbox, capfd, tmp_path, monkeypatch):
    """Run a night's task on a warehouse with so many people; return what the log says."""
    path, dag_id = tmp_path / "warehouse.db", f"vip_{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    sandbox.change_settings(processing_seconds=8, pending_seconds=0, match_rate=60)

    def run(people, **arguments):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TABLE IF EXISTS vip")
            connection.execute("CREATE TABLE vip (email)")
            rows = [(f"p{number}@shire.example",) for number in range(people)]
            connection.executemany("INSERT INTO vip VALUES (?)", rows)
        source = DAG.replace("DAG_ID", dag_id).replace("ARGUMENTS", repr(GATES | arguments))
        run_dag(source, dag_id)
        shown = capfd.readouterr().out
        assert "shire.example" not in shown
        return [with_names(with_marks(line)) for line in own_lines(shown)]

    def with_names(line):
        """Name the newest audience and the one before."""
        for audience, name in zip(sandbox.audiences[::-1], ("NEW", "OLD"), strict=False):
            line = re.sub(rf"\b{audience.id}\b", name, line)
        return line

    return run


CLEANED = """\
INFO ::group::Cleaned vip.csv: 11 of 11 records kept
INFO   records read           11
INFO   records kept           11
INFO   duplicates              0
INFO   seconds               SECONDS
INFO ::endgroup::
"""

REFRESH = f"""\
INFO The query on warehouse returned 11 rows
{CLEANED}\
INFO Uploading matched audience "VIP customers": vip.csv, records: 11, bytes: 721 after cleaning and hashing \
(206 before), matched by email
INFO IQM created audience NEW "VIP customers"
INFO Deferring; polling every 0.2 s, backing off to 600 s, until MOMENT
INFO Audience NEW "VIP customers" is Ready: match rate RATE %, reach REACH users
INFO Audience NEW "VIP customers" has a match rate of 60.00 %; previous audience OLD had 60.00 %
INFO Replacing audience OLD with NEW in 2 campaigns
INFO Verified: 2 campaigns use audience NEW instead of OLD; deleted OLD
"""


def test_a_whole_refresh(night, sandbox):
    first = night(10)
    assert first[-1] == (
        "INFO No earlier audience to replace. Add audience NEW to campaigns in IQM, or set campaign_ids; later runs "
        "replace it there"
    )
    old = sandbox.audiences[0].id
    sandbox.add_campaign(included=[old])
    sandbox.add_campaign(excluded=[old])
    assert night(11) == REFRESH.splitlines()


def test_a_failed_gate_says_how_to_go_on(night, sandbox):
    night(10)
    old = sandbox.audiences[0].id
    campaign = sandbox.add_campaign(included=[old])
    sandbox.change_settings(match_rate=20)
    assert last_error(night(11)) == (
        'ERROR Audience NEW "VIP customers" has a match rate of 20.00 %, previous audience OLD had 60.00 %: it dropped '
        "by 40.00 percentage points, more than the allowed 10. Check what has changed upstream: another normalization, "
        "values hashed twice or not at all, another column, ZIP codes without their leading zeros. Campaigns still use "
        "audience OLD. To accept the new one: airflow iqm replace OLD NEW"
    )
    assert sandbox.campaigns[0].included == (old,)
    assert last_error(night(5)) == (
        "ERROR The list has 5 records, 50.0 % fewer than the 10 before; max_records_drop is 30. Nothing was uploaded, "
        "and campaigns are unchanged. Check the list's source, or run once with a higher max_records_drop."
    )
    assert [campaign.id for campaign in sandbox.campaigns if campaign.included == (old,)] == [campaign]
