"""An upload by hand: what a Dag needs of Airflow's HTTP provider to talk to IQM."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

LIST = Path("/tmp/newsletter.csv")
TOKEN = "{{ ti.xcom_pull(task_ids='log_in')['access_token'] }}"
WORKSPACE = "{{ ti.xcom_pull(task_ids='log_in')['owId'] }}"

with DAG("hand_written", schedule=None, start_date=datetime(2026, 1, 1), catchup=False) as dag:
    log_in = HttpOperator(
        task_id="log_in",
        # Login and password are the client's id and secret; HttpHook sends them with every request, as Basic auth.
        http_conn_id="iqm_client",
        endpoint="/api/v3/ua/login",
        data=json.dumps(
            {
                "grantType": "password",
                "email": "{{ var.value.iqm_email }}",
                "password": "{{ var.value.iqm_password }}",
            }
        ),
        headers={"Content-Type": "application/json", "X-IAA-HOST": "app.iqm.com"},
        response_filter=lambda response: response.json()["data"],
    )

    @task
    def upload(token: dict[str, Any]) -> int:
        with LIST.open(newline="") as file:
            records = csv.reader(file)
            header, first = next(records), list(islice(records, 3))
            count = len(first) + sum(1 for _ in records)
        metadata = {
            "columns": header,
            "fileName": LIST.name,
            "fileSize": LIST.stat().st_size,
            "columnValues": {name: [record[place] for record in first] for place, name in enumerate(header)},
            "rows": count,
        }
        fields = {
            "columns": json.dumps({"email": "Email", "first_name": "Voters_FirstName"}),
            "columnSettings": json.dumps({"Email": "Raw"}),
            "metadata": json.dumps(metadata),
            "audienceName": "Newsletter",
            "isSingleColumnEnabled": "true",
            "fileTotalCount": str(count),
        }
        # Another connection, which has the host alone: Basic auth would take the bearer token's place.
        response = HttpHook(http_conn_id="iqm_host", method="POST").run(
            "/api/v2/audience/matched/add",
            data=fields,
            headers={"Authorization": f"Bearer {token['access_token']}", "X-IAA-OW-ID": str(token["owId"])},
            files={"file": (LIST.name, LIST.read_bytes(), "text/csv")},
        )
        return response.json()["responseObject"]["id"]

    audience_id = upload(log_in.output)

    HttpSensor(
        task_id="wait_until_ready",
        http_conn_id="iqm_host",
        endpoint="/api/v2/audience/matched/{{ ti.xcom_pull(task_ids='upload') }}",
        headers={"Authorization": f"Bearer {TOKEN}", "X-IAA-OW-ID": WORKSPACE},
        response_check=lambda response: response.json()["responseObject"]["status"] == "Ready",
        poke_interval=60,
        timeout=6 * 60 * 60,
    ).set_upstream(audience_id)
