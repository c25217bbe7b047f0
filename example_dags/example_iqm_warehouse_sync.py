"""
A list in a warehouse becomes a ready audience, every night.

``extract`` streams a query's rows to a file that only the worker's user can read, ``upload`` sends it to IQM,
``wait_until_ready`` waits until IQM has matched and approved it, ``use_audience`` is where a campaign would take the
audience's id, and ``remove_extract`` takes the personal data off the disk, whatever happened before.

The tasks that call IQM take slots of the pool ``iqm_api`` (``airflow pools import example_dags/pools.json``). The
extract is handed on as a path, so it must lie where the workers of both tasks see it.
"""

from __future__ import annotations

import csv
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseHook, Param, task

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

QUERY = """
SELECT first_name, last_name, street, city, state, zip
FROM customers
WHERE opted_in = 1
ORDER BY customer_id
"""

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_warehouse_sync",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "warehouse_conn_id": Param("warehouse", type="string", title="Connection of the warehouse"),
        "extract_folder": Param("/data/iqm", type="string", title="Folder for the extract, seen by all workers"),
    },
    tags=["iqm", "example"],
) as dag:

    @task
    def extract(sql: str, params: dict[str, Any] | None = None, run_id: str | None = None) -> str:
        assert params is not None  # Airflow fills in params and run_id
        assert run_id is not None
        folder = Path(params["extract_folder"])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"customers_{run_id.replace(':', '')}.csv"
        warehouse = BaseHook.get_hook(params["warehouse_conn_id"])
        connection = warehouse.get_conn()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow([column[0] for column in cursor.description])
                writer.writerows(cursor)
        finally:
            connection.close()
        return str(path)

    @task
    def use_audience(audience: dict[str, Any]) -> None:
        print(
            f"Audience {audience['id']} is {audience['status']}: {audience['records']} records, "
            f"match rate {audience['match_rate']} %. A campaign can target it now."
        )

    @task(trigger_rule="all_done")
    def remove_extract(path: str | None) -> None:
        if path:
            Path(path).unlink(missing_ok=True)

    file_path = extract(QUERY)

    upload = MatchedAudienceUploadOperator(
        task_id="upload",
        file_path=file_path,
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
    upload >> remove_extract(file_path)
