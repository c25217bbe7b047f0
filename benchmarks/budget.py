"""Count the requests of 50 mapped uploads and one sensor, in Airflow, against the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from airflow_provider_iqm.sandbox.server import Sandbox
from airflow_provider_iqm.sandbox.settings import SandboxSettings

UPLOADS = 50
GOAL = 65

DAG = f"""
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("budget", schedule=None, start_date=datetime(2026, 1, 1), default_args={{"pool": "iqm_api"}}) as dag:
    upload = MatchedAudienceUploadOperator.partial(
        task_id="upload", file_path=__file__ + ".csv", columns={{"email": "Email"}}, column_settings={{"Email": "Raw"}}
    ).expand(audience_name=[f"List {{number}}" for number in range({UPLOADS})])
    AudienceReadySensor(task_id="wait", audience_id=upload.output, poke_interval=0.5)

if __name__ == "__main__":
    raise SystemExit(str(dag.test().state) != "success")
"""


def main() -> None:
    window = 0.2
    settings = SandboxSettings(
        port=0, requests_per_minute=20, rate_limit_window=window, processing_seconds=1, pending_seconds=1
    )
    with tempfile.TemporaryDirectory() as folder, Sandbox(settings) as sandbox:
        dag = Path(folder) / "budget.py"
        dag.write_text(DAG)
        Path(f"{dag}.csv").write_text("email\nfrodo@shire.example\n")
        extra = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "rate_limit_window": window,
        }
        connection = {"conn_type": "iqm", "host": sandbox.url, "login": settings.email, "password": settings.password}
        environment = os.environ | {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__DAGS_FOLDER": folder,
            "AIRFLOW__CORE__FERNET_KEY": "IqmBudgetBenchmarkKeyWhichGuardsNothing00Ab=",
            "AIRFLOW_CONN_IQM_DEFAULT": json.dumps(connection | {"extra": extra}),
            "TMPDIR": folder,
        }
        for command in (["-m", "airflow", "db", "migrate"], [str(dag)]):
            subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
        requests = Counter(f"{request.method} {request.path}" for request in sandbox.requests)
    for request, count in requests.most_common():
        print(f"{count:>5}  {request}")
    print(f"{requests.total():>5}  requests for {UPLOADS} mapped uploads and one sensor (goal: {GOAL} at most)")


if __name__ == "__main__":
    main()
