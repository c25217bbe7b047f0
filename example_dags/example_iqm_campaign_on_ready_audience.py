"""
Trigger a campaign Dag when its audience is ready (asset-aware scheduling).

``example_iqm_customers`` queries the warehouse every night, and uploads the list if it has changed. Once the audience
is ready and its match rate is close to the previous one, the task sends an event for the asset
``iqm://app.iqm.com/Customers``. The event triggers ``example_iqm_campaign_on_ready_audience``, and contains the
audience's id. If the list hasn't changed, no request is sent, and the campaign Dag isn't triggered.

The audience's name differs between runs, but the name of the asset stays the same.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

CUSTOMERS = matched_audience_asset("Customers")

with DAG(
    dag_id="example_iqm_customers",
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
        audience_name="Campaign customers {{ run_id }}",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        on_unchanged="skip",
        wait_for_ready=True,
        deferrable=True,
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        max_match_rate_drop=10,
        outlets=[CUSTOMERS],
        pool="iqm_api",
    )

with DAG(
    dag_id="example_iqm_campaign_on_ready_audience",
    schedule=[CUSTOMERS],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["iqm", "example"],
) as campaign_dag:

    @task
    def target(triggering_asset_events: Any = None, triggering_dataset_events: Any = None) -> int:
        # Airflow 2 calls assets datasets. If several events triggered the run, use the newest.
        events = triggering_asset_events or triggering_dataset_events
        audience = [event for asset_events in events.values() for event in asset_events][-1].extra
        print(
            f"Audience {audience['audience_id']} is {audience['status']}: {audience['records']} records, "
            f"match rate {audience['match_rate']} %. Point the campaign at it here."
        )
        return audience["audience_id"]

    target()
