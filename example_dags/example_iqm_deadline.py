"""
Send an alert if the list isn't live by 08:00 (deadline alerts).

The run starts at 04:00. If it hasn't succeeded four hours later, for whatever reason (a late warehouse, a full rate
limit, an audience that IQM hasn't approved, a failed task), Airflow posts a message through the HTTP connection
``alerts``, such as a chat's incoming webhook. The run itself goes on.

The scheduler checks deadlines, and the triggerer sends the message: the run's own tasks can't know that they are late.
A run without a logical date has no deadline. Deadlines need Airflow 3.1; this file has no Dag on earlier releases.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.notifications.http import HttpNotifier

from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

try:
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:
    DeadlineAlert = None

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

if DeadlineAlert is not None:
    with DAG(
        dag_id="example_iqm_deadline",
        schedule="0 4 * * *",
        start_date=datetime(2026, 1, 1),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
            interval=timedelta(hours=4),
            callback=AsyncCallback(
                HttpNotifier,
                kwargs={
                    "http_conn_id": "alerts",
                    "json": {"text": "The list isn't live by 08:00: {{ dag_run.dag_id }}, {{ dag_run.dag_run_id }}"},
                },
            ),
        ),
        tags=["iqm", "example"],
    ) as dag:
        SqlToMatchedAudienceOperator(
            task_id="sync",
            conn_id="warehouse",
            sql="SELECT email FROM customers WHERE opted_in = 1",
            audience_name="Customers by 08:00 {{ run_id }}",
            columns={"email": "Email"},
            hash_columns={"email": "SHA256"},
            replaces="previous",
            deferrable=True,
            poke_interval=POKE_INTERVAL,
            pool="iqm_api",
        )
