"""
Unload a query's result to object storage in many parts, and upload them in parallel.

``unload`` stands for the warehouse's own export to object storage (``UNLOAD`` in Redshift, ``COPY INTO`` a stage in
Snowflake, ``EXPORT DATA`` in BigQuery). No worker handles the whole list: each upload copies, cleans and hashes one
part. The parts contain personal data, so ``remove_parts`` deletes them even if an upload fails. The tasks that call IQM
use the pool ``iqm_api``.
"""

from __future__ import annotations

import csv
import os
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from zlib import crc32

from airflow.providers.common.compat.sdk import DAG, BaseHook, ObjectStoragePath, Param, task

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching lists takes IQM minutes to hours."""

FOLDER = "{{ params.folder }}/{{ run_id }}"

with DAG(
    dag_id="example_iqm_unload_many_parts",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "folder": Param("s3://aws_default@lists/iqm", type="string", title="Folder that the warehouse unloads to"),
        "parts": Param(8, type="integer", minimum=1, title="Number of parts"),
    },
    tags=["iqm", "example"],
) as dag:

    @task
    def unload(folder: str, parts: str) -> None:
        with closing(BaseHook.get_hook("warehouse").get_conn()) as connection, ExitStack() as files:
            cursor = connection.cursor()
            cursor.execute("SELECT email, state FROM customers WHERE opted_in = 1")
            writers = []
            for number in range(int(parts)):
                part = ObjectStoragePath(f"{folder}/customers_{number:03}.csv")
                writers.append(csv.writer(files.enter_context(part.open("w", newline=""))))
                writers[-1].writerow([column[0] for column in cursor.description])
            for email, *others in cursor:
                # All records with the same key go to the same part, so that duplicates can be dropped.
                writers[crc32(email.lower().encode()) % len(writers)].writerow([email, *others])

    @task
    def parts(folder: str) -> list[dict[str, str]]:
        paths = sorted(str(path) for path in ObjectStoragePath(folder).iterdir())
        return [
            {"file_path": path, "audience_name": f"Customers ({number} of {len(paths)})"}
            for number, path in enumerate(paths, start=1)
        ]

    @task(trigger_rule="all_done")
    def remove_parts(folder: str) -> None:
        for path in ObjectStoragePath(folder).iterdir():
            path.unlink()

    unloaded, parts_to_upload = unload(FOLDER, "{{ params.parts }}"), parts(FOLDER)

    uploads = MatchedAudienceUploadOperator.partial(
        task_id="upload",
        columns={"email": "Email"},
        hash_columns={"email": "SHA256"},
        drop_duplicates=True,
        pool="iqm_api",
        max_active_tis_per_dagrun=4,
    ).expand_kwargs(parts_to_upload)

    AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=uploads.output,
        mode="reschedule",
        poke_interval=POKE_INTERVAL,
        timeout=6 * 60 * 60,
        pool="iqm_api",
    )

    unloaded >> parts_to_upload >> uploads >> remove_parts(FOLDER)
