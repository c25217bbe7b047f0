"""
Upload a file as an audience, wait until it is ready, and pass it to a task (the Dag of the quickstart).

Both tasks that call IQM use the pool ``iqm_api``, which must exist (``airflow pools import example_dags/pools.json``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG(
    dag_id="example_iqm_quickstart",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params={"file_path": Param("/tmp/newsletter.csv", type="string", title="The list")},
    tags=["iqm", "example"],
) as dag:

    @task
    def use_audience(audience: dict[str, Any]) -> None:
        print(f"Audience {audience['id']} is {audience['status']}. A campaign can target it now.")

    upload = MatchedAudienceUploadOperator(
        task_id="upload",
        file_path="{{ params.file_path }}",
        audience_name="Newsletter {{ run_id }}",
        columns={"email": "Email", "first_name": "First Name"},
        hash_columns={"email": "SHA256"},
        pool="iqm_api",
    )
    ready = AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=upload.output,
        poke_interval=5,
        mode="reschedule",
        pool="iqm_api",
    )
    use_audience(ready.output)
