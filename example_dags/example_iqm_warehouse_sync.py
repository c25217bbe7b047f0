"""
Upload a query's rows as an audience every night, wait until it is ready, and pass it to a task.

``upload`` streams the rows to a temporary file that only the worker's user can read, and uploads it; the file is
deleted when the task ends, also after an error. ``wait_until_ready`` waits until IQM has matched and approved the
audience. ``use_audience`` is the place to use the audience in a campaign.

The tasks that call IQM use the pool ``iqm_api`` (``airflow pools import example_dags/pools.json``).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_warehouse_sync",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={"warehouse_conn_id": Param("warehouse", type="string", title="Connection of the warehouse")},
    tags=["iqm", "example"],
) as dag:

    @task
    def use_audience(audience: dict[str, Any]) -> None:
        print(
            f"Audience {audience['id']} is {audience['status']}: {audience['records']} records, "
            f"match rate {audience['match_rate']} %. A campaign can target it now."
        )

    upload = SqlToMatchedAudienceOperator(
        task_id="upload",
        conn_id="{{ params.warehouse_conn_id }}",
        sql="SELECT first_name, last_name, street, city, state, zip FROM customers WHERE opted_in = 1",
        audience_name="Customers {{ run_id }}",
        columns={
            "first_name": "First Name",
            "last_name": "Last Name",
            "street": "Street Address",
            "city": "City",
            "state": "State",
            "zip": "Zip",
        },
        pool="iqm_api",
    )

    ready = AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=upload.output,
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        mode="reschedule",
        pool="iqm_api",
    )

    use_audience(ready.output)
