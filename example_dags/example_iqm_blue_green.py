"""
Replace an audience blue-green: the old audience is deleted only after campaigns use the new one.

``upload`` creates the new audience and waits until it is ready. ``target`` is the place to point campaigns at it. Only
then does ``delete_previous`` delete the audience of the previous run. Its id is stored in an Airflow Variable, since
audience names aren't unique. If a campaign still uses the old audience, IQM doesn't delete it, and the task fails.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Variable, task

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

CURRENT_AUDIENCE = "example_iqm_blue_green_audience_id"
"""The Variable with the id of the audience that campaigns currently target."""

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
        audience_name="Blue and green customers {{ run_id }}",
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
    def delete_previous(audience_id: int) -> None:
        previous = Variable.get(CURRENT_AUDIENCE, None)
        if previous and int(previous) != audience_id and IQMHook().delete_audiences(int(previous))["failed"]:
            raise RuntimeError(f"Audience {previous} wasn't deleted: a campaign still uses it.")
        Variable.set(CURRENT_AUDIENCE, str(audience_id))

    target(upload.output) >> delete_previous(upload.output)
