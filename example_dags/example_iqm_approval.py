"""
Replace an audience after somebody has approved the new one.

``upload`` uploads the list and waits until its audience is ready. ``compare`` compares it with the audience that
campaigns use now, whose ID is in the Airflow Variable ``example_iqm_approval_audience_id``. ``approve`` waits until
somebody approves or rejects the new audience on Airflow's page **Required Actions**, and rejects it after a day. Then
``replace`` replaces the old audience in its campaigns and deletes it, and ``clean_up`` stores the ID of the new one.
If it was rejected, ``replace`` is skipped, and ``clean_up`` deletes the new audience.

``approve`` sends no requests, so it has a pool of its own: in ``iqm_api``, it could hold a slot until somebody responds
(on Airflow 3.1 and 3.2, where it is deferred). Both pools are in ``example_dags/pools.json``.

Approvals need Airflow 3.1 with ``apache-airflow-providers-standard``; this file has no Dag on earlier releases. Only v3
of IQM's API can tell which campaigns use an audience.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowException, Variable, task

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.campaign import ReplaceAudienceOperator
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowException):
    ApprovalOperator = None

POKE_INTERVAL = float(os.environ.get("EXAMPLE_IQM_POKE_INTERVAL", "60"))
"""Seconds between two polls; matching a list takes IQM minutes to hours."""

CURRENT_AUDIENCE = "example_iqm_approval_audience_id"
"""The Variable with the ID of the audience that campaigns use; set it before the first run."""


def compare_numbers(new: float | None, old: float | None, unit: str = "") -> str:
    """Return a number and its change, such as ``1,050 (+50)``."""
    if new is None:
        return "unknown"
    change = "" if old is None else f" ({round(new - old, 2):+,})"
    return f"{round(new, 2):,}{unit}{change}"


if ApprovalOperator is not None:
    with DAG(
        dag_id="example_iqm_approval",
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
            audience_name="Approved customers {{ run_id }}",
            columns={"email": "Email"},
            hash_columns={"email": "SHA256"},
            wait_for_ready=True,
            deferrable=True,
            poke_interval=POKE_INTERVAL,
            timeout=6 * 60 * 60,
            pool="iqm_api",
        )

        @task(pool="iqm_api")
        def compare(new_id: int) -> dict[str, Any]:
            hook = IQMHook()
            old = hook.get_matched_audience(int(Variable.get(CURRENT_AUDIENCE)))
            new = hook.get_matched_audience(new_id)
            (used_by,) = hook.get_audience_campaigns(old["id"])
            campaigns = hook.get_campaigns([*used_by["included"], *used_by["excluded"]])
            return {
                "old": old["id"],
                "new": new["id"],
                "records": compare_numbers(new["records"], old["records"]),
                "match_rate": compare_numbers(new["match_rate"], old["match_rate"], " %"),
                "campaigns": [f"{each['id']} {each['name']} ({each['status']})" for each in campaigns],
            }

        comparison = compare(upload.output)

        approve = ApprovalOperator(
            task_id="approve",
            subject=(
                "{% set it = ti.xcom_pull(task_ids='compare') %}"
                "Replace audience {{ it.old }} with {{ it.new }}? Records: {{ it.records }}, "
                "match rate: {{ it.match_rate }}, campaigns: {{ it.campaigns | length }}"
            ),
            body="{% for each in ti.xcom_pull(task_ids='compare').campaigns %}- {{ each }}\n{% endfor %}",
            response_timeout=timedelta(days=1),
            defaults="Reject",
            pool="iqm_approvals",
        )

        replace = ReplaceAudienceOperator(
            task_id="replace",
            old_audience_id="{{ ti.xcom_pull(task_ids='compare').old }}",
            new_audience_id=upload.output,
            pool="iqm_api",
        )

        @task(pool="iqm_api", trigger_rule="none_failed")
        def clean_up(new_id: int, replacement: dict[str, Any] | None) -> None:
            if replacement:
                Variable.set(CURRENT_AUDIENCE, str(new_id))
            else:
                IQMHook().delete_audiences(new_id)

        comparison >> approve >> replace >> clean_up(upload.output, replace.output)
