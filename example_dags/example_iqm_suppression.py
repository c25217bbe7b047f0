"""
Leave out the people on a suppression list, such as those who opted out or asked for erasure.

The suppression list is a CSV file, on the worker or in object storage (``s3://conn_id@bucket/key``), with the column
``email``: raw emails, or their SHA-256, SHA-1 or MD5 hashes. The records of people on it never leave the worker.
``report_suppressed`` prints how many there were. The task that calls IQM uses the pool ``iqm_api``
(``airflow pools import example_dags/pools.json``).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_suppression",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={"suppression_path": Param("/data/optouts.csv", type="string", title="Suppression list (CSV or XLSX)")},
    tags=["iqm", "example"],
) as dag:

    @task
    def report_suppressed(report: dict[str, Any]) -> None:
        print(f"{report['suppressed']:,} of {report['records_read']:,} customers are on the suppression list.")

    sync = SqlToMatchedAudienceOperator(
        task_id="sync",
        conn_id="warehouse",
        sql="SELECT email FROM customers WHERE opted_in = 1",
        audience_name="Customers without opt-outs {{ run_id }}",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        suppression_path="{{ params.suppression_path }}",
        wait_for_ready=True,
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        pool="iqm_api",
    )

    report_suppressed(sync.output["report"])
