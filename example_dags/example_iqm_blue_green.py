"""
Blue and green: today's audience takes over before the one of the day before goes.

``upload`` makes today's audience and waits until it is ready, ``target`` is where campaigns are pointed at it, and only
then ``delete_yesterdays`` removes the old one. IQM keeps an audience that a campaign still uses, which fails the task.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two looks at the audience; matching a list takes IQM minutes to hours."""

with DAG(
    dag_id="example_iqm_blue_green",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["iqm", "example"],
) as dag:
    upload = SqlToMatchedAudienceOperator(
        task_id="upload",
        conn_id="warehouse",
        sql="SELECT email FROM customers WHERE opted_in = 1",
        audience_name="Customers {{ ds }}",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
        wait_for_ready=True,
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        pool="iqm_api",
    )

    @task
    def target(audience_id: int) -> None:
        print(f"Audience {audience_id} is ready. Point the campaigns at it here.")

    @task(pool="iqm_api")
    def delete_yesterdays(audience_name: str) -> None:
        iqm = IQMHook()
        old = [audience["id"] for audience in iqm.find_matched_audiences(audience_name)]
        if kept := iqm.delete_audiences(old)["failed"]:
            raise RuntimeError(f"IQM kept the audiences {kept}: a campaign still uses them.")

    target(upload.output) >> delete_yesterdays("Customers {{ macros.ds_add(ds, -1) }}")
