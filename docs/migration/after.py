"""The same upload by this provider."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("by_the_provider", schedule=None, start_date=datetime(2026, 1, 1), catchup=False) as dag:
    upload = MatchedAudienceUploadOperator(
        task_id="upload",
        file_path="/tmp/newsletter.csv",
        audience_name="Newsletter",
        columns={"email": "Email", "first_name": "First Name"},
        column_settings={"Email": "Raw"},
    )
    AudienceReadySensor(
        task_id="wait_until_ready",
        audience_id=upload.output,
        poke_interval=60,
        timeout=6 * 60 * 60,
    )
