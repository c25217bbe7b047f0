"""
Split a list that exceeds IQM's limits, upload its parts, and wait for all of them.

The uploads receive the paths of the parts, so ``output_dir`` must be accessible to all workers. The parts contain
personal data, so ``remove_parts`` deletes them even if an upload fails. The tasks that call IQM use the pool
``iqm_api``.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching lists takes IQM minutes to hours."""

MAX_RECORDS = int(os.environ.get("EXAMPLE_IQM_MAX_RECORDS", "5000000"))

with DAG(
    dag_id="example_iqm_large_list",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "file_path": Param("/data/people.csv", type="string", title="The list (CSV or XLSX)"),
        "output_dir": Param("/data/iqm", type="string", title="Folder for the parts, shared by all workers"),
    },
    tags=["iqm", "example"],
) as dag:
    prepare = PrepareAudienceFileOperator(
        task_id="prepare",
        file_path="{{ params.file_path }}",
        output_dir="{{ params.output_dir }}/{{ run_id }}",
        audience_name="People {{ run_id }}",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        max_records=MAX_RECORDS,
    )

    uploads = MatchedAudienceUploadOperator.partial(task_id="upload", pool="iqm_api").expand_kwargs(prepare.output)

    AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=uploads.output,
        mode="reschedule",
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        pool="iqm_api",
    )

    @task(trigger_rule="all_done")
    def remove_parts(folder: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    uploads >> remove_parts("{{ params.output_dir }}/{{ run_id }}")
