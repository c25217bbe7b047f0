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
