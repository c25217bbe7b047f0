"""
Upload a file as an audience, and wait until it is ready.

The file's path and the audience's name are Params of the run. Both tasks use the pool ``iqm_api``, which must exist
(``airflow pools import example_dags/pools.json``).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_matched_audience",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"pool": "iqm_api", "retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "file_path": Param("/data/newsletter.csv", type="string", title="Audience file (CSV or XLSX)"),
        "audience_name": Param("Newsletter subscribers", type="string", title="Name of the audience"),
    },
    tags=["iqm", "example"],
) as dag:
    upload = MatchedAudienceUploadOperator(
        task_id="upload",
        file_path="{{ params.file_path }}",
        audience_name="{{ params.audience_name }} {{ run_id }}",
        columns={"email": "Email", "first_name": "First Name", "last_name": "Last Name"},
        column_settings={"Email": "Raw"},
    )

    AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=upload.output,
        mode="reschedule",
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
    )
