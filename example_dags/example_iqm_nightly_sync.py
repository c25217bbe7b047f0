"""
Sync a query to an audience every night, in one task.

The task streams the query's rows to a temporary file on the worker, cleans and hashes them, uploads the file, and waits
until the audience is ready; with ``deferrable=True``, it waits in the triggerer. It uses the pool ``iqm_api``
(``airflow pools import example_dags/pools.json``).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_nightly_sync",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "iqm_api", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["iqm", "example"],
) as dag:
    SqlToMatchedAudienceOperator(
        task_id="sync",
        conn_id="warehouse",
        sql="SELECT email FROM customers WHERE opted_in = 1",
        audience_name="Nightly customers {{ run_id }}",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        drop_duplicates=True,
        on_empty="skip",
        wait_for_ready=True,
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
    )
