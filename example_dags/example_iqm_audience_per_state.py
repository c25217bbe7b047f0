"""
Create one audience per state with dynamic task mapping.

Each mapped task queries one state, which is a bound parameter of the query. The hook's ``placeholder`` is the
placeholder of the database driver (``%s``, ``?``, …). Uploads run in parallel, limited by the pool ``iqm_api``.

Where Airflow has asset partitions that are set at runtime (3.3), ``publish`` sends an asset event for each audience,
whose partition is the state. Airflow then runs ``example_iqm_campaign_per_state`` once for each state, so that
each state can fail, be retried and be cleared on its own. On earlier releases, both are left out.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseHook, task

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

try:
    # Airflow 3.2 has the first one, but its tasks can't set partitions.
    from airflow.sdk import PartitionedAssetTimetable, PartitionedAtRuntime
except ImportError:
    PartitionedAssetTimetable = PartitionedAtRuntime = None

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching lists takes IQM minutes to hours."""

CUSTOMERS = matched_audience_asset("Customers by state")
PREFIX = "Customers in "

with DAG(
    dag_id="example_iqm_audience_per_state",
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["iqm", "example"],
) as dag:

    @task
    def audiences() -> list[dict[str, Any]]:
        warehouse: Any = BaseHook.get_hook("warehouse")
        people = "SELECT first_name, last_name, state, zip FROM customers WHERE opted_in = 1"
        states = warehouse.get_records("SELECT DISTINCT state FROM customers WHERE opted_in = 1 ORDER BY state")
        return [
            {
                "audience_name": f"{PREFIX}{state}",
                "sql": f"{people} AND state = {warehouse.placeholder}",
                "parameters": [state],
            }
            for (state,) in states
        ]

    upload = SqlToMatchedAudienceOperator.partial(
        task_id="upload",
        conn_id="warehouse",
        columns={"first_name": "First Name", "last_name": "Last Name", "state": "State", "zip": "Zip"},
        pool="iqm_api",
        max_active_tis_per_dagrun=4,
    ).expand_kwargs(audiences())

    ready = AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=upload.output,
        mode="reschedule",
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        pool="iqm_api",
    )

    if PartitionedAssetTimetable is not None:

        @task(outlets=[CUSTOMERS])
        def publish(audience: dict[str, Any], outlet_events: Any = None) -> None:
            event = outlet_events[CUSTOMERS]
            event.extra = {"audience_id": audience["id"], "records": audience["records"]}
            event.add_partitions(audience["name"].removeprefix(PREFIX))

        publish.expand(audience=ready.output)

if PartitionedAssetTimetable is not None:
    with DAG(
        dag_id="example_iqm_campaign_per_state",
        schedule=PartitionedAssetTimetable(assets=CUSTOMERS),
        start_date=datetime(2026, 1, 1),
        catchup=False,
        tags=["iqm", "example"],
    ) as campaign_dag:

        @task
        def target(dag_run: Any = None, triggering_asset_events: Any = None) -> int:
            audience = triggering_asset_events[CUSTOMERS][-1].extra
            print(
                f"Audience {audience['audience_id']} has {audience['records']} customers in {dag_run.partition_key}. "
                "Point the state's campaign at it here."
            )
            return audience["audience_id"]

        target()
