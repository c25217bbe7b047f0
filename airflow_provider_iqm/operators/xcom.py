"""Pushes values to XCom that a task reports besides its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context


def push_xcom(task: BaseOperator, context: Context, key: str, value: Any) -> None:
    """
    Push a value to XCom unless the task sets ``do_xcom_push=False``; a failed push doesn't fail the task.

    :param task: The task.
    :param context: The task's context.
    :param key: The XCom key.
    :param value: The value.
    """
    if task.do_xcom_push:
        with best_effort(task.log, f"push {key} to XCom"):
            context["ti"].xcom_push(key=key, value=value)
