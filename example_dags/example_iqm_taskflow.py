"""
Upload the records that a Python function yields, wait for the audience, and pass its ID to a task (TaskFlow).

``customers`` reads the warehouse row by row and yields dicts, so the list is never in memory, nor in XCom: the task
writes the records to a temporary file that only the worker's user can read, uploads it, and deletes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseHook, task

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

SHARED_MAILBOXES = ("info@", "office@", "sales@")

with DAG(
    dag_id="example_iqm_taskflow",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["iqm", "example"],
) as dag:

    @task.iqm_upload(
        audience_name="Personal mailboxes {{ run_id }}",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        wait_for_ready=True,
        deferrable=True,
        poke_interval=POKE_INTERVAL,
        pool="iqm_api",
    )
    def customers() -> Iterator[dict[str, Any]]:
        warehouse: Any = BaseHook.get_hook("warehouse")
        with closing(warehouse.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SELECT email FROM customers WHERE opted_in = 1")
            for (email,) in cursor:
                if not email.startswith(SHARED_MAILBOXES):
                    yield {"email": email}

    @task
    def use_audience(audience_id: int) -> None:
        print(f"Audience {audience_id} is ready. A campaign can target it now.")

    use_audience(customers())
