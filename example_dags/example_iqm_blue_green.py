"""
Replace an audience blue-green: campaigns use the old audience until the new one is ready and checked.

``sync`` uploads the list as a new audience and waits until it is ready. Then it replaces the audience of the previous
run in all campaigns that include or exclude it, with one request, and verifies them. Only then does it delete the old
audience. If the list is too small or its match rate has dropped, the old audience stays in place, and the task fails.

Add the audience of the first run to campaigns in IQM, or set ``campaign_ids``: later runs replace it there. The classic
API always needs ``campaign_ids``, since only v3 can tell which campaigns use an audience.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_blue_green",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["iqm", "example"],
) as dag:
    SqlToMatchedAudienceOperator(
        task_id="sync",
        conn_id="warehouse",
        sql="SELECT email FROM customers WHERE opted_in = 1",
        audience_name="Blue and green customers {{ run_id }}",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        replaces="previous",
        wait_for_ready=True,
        deferrable=True,
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        max_records_drop=30,
        max_match_rate_drop=10,
        outlets=[matched_audience_asset("Blue and green customers")],
        pool="iqm_api",
    )
