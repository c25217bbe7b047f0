from __future__ import annotations

import airflow
import pytest

pytestmark = pytest.mark.skipif(
    tuple(map(int, airflow.__version__.split(".")[:2])) < (3, 3), reason="Airflow has retry policies from 3.3 on"
)

DAG = """
from datetime import datetime, timedelta
from airflow.sdk import DAG, task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.retry_policy import IQMRetryPolicy

with DAG("patient", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    @task(retries=2, retry_delay=timedelta(hours=1), retry_policy=IQMRetryPolicy())
    def fields():
        try:
            return len(IQMHook().get_column_list())
        except Exception as error:
            raise RuntimeError("no fields") from error

    fields()
"""


def test_the_next_try_waits_as_long_as_the_server_said(sandbox, run_dag, monkeypatch):
    # The hook waits for itself unless that would take longer than this.
    monkeypatch.setattr("airflow_provider_iqm.client.retries.MAX_RETRY_AFTER", 1)
    sandbox.add_fault(path="*column-list", kind="status", status=503, headers={"Retry-After": "3"})
    run = run_dag(DAG, "patient")
    assert run.state == "success"
    assert run.tries == {("fields", -1): 2}
    moments = [request.monotonic for request in sandbox.requests if "column-list" in request.path]
    assert 3 <= moments[-1] - moments[0] < 60


def test_errors_that_are_not_retryable_fail_immediately(sandbox, run_dag):
    sandbox.connect(client_secret="wrong")
    run = run_dag(DAG, "patient")
    assert run.state == "failed"
    assert run.tries == {("fields", -1): 1}
