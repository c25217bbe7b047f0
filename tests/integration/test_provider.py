from __future__ import annotations

import os
import subprocess
import sys


def airflow(*arguments):
    command = [sys.executable, "-m", "airflow", *arguments, "--output", "plain"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ.copy()).stdout


def test_airflow_knows_the_provider_and_its_connection_type(airflow_database):
    assert "airflow-provider-iqm" in airflow("providers", "list")
    hooks = airflow("providers", "hooks")
    assert "airflow_provider_iqm.hooks.iqm.IQMHook" in hooks
    assert "iqm_conn_id" in hooks


DAG = """
from datetime import datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor

with DAG("linked", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    upload = MatchedAudienceUploadOperator(
        task_id="upload", file_path="LIST", audience_name="List", columns={"email": "Email"},
        column_settings={"Email": "Raw"},
    )
    wait = AudienceReadySensor(task_id="wait", audience_id=upload.output, poke_interval=0.1, deferrable=True)
"""


def test_each_task_has_a_link_to_its_audience(sandbox, run_dag, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    run = run_dag(DAG.replace("LIST", str(path)), "linked")
    assert run.state == "success"
    url = f"https://app.iqm.com/#/audience/{run.xcom('upload')}"
    assert {task: run.xcom(task, "iqm_audience_link") for task in ("upload", "wait")} == {"upload": url, "wait": url}
