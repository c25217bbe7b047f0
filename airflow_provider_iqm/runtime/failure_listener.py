"""
Repeats the error of a failed task in the last line of its log.

Airflow logs a failed task's exception with its traceback; its UI truncates the message, followed by twenty frames. This
listener is registered in the task's own process, not in a plugin, so it doesn't affect other processes of Airflow.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl
from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_iqm.exceptions import IQMError


@hookimpl
def on_task_instance_failed(task_instance: Any, error: Any) -> None:
    """
    Log the error of a task that failed or is up for retry.

    :param task_instance: The task instance.
    :param error: The error.
    """
    task = task_instance.task
    own_task = type(task).__module__.startswith("airflow_provider_iqm.")
    if isinstance(error, IQMError) or (own_task and isinstance(error, AirflowException)):
        if AIRFLOW_V_3_0_PLUS:
            # Airflow 3 has opened a group, "Post Execute", which its UI collapses.
            task.log.info("::endgroup::")
        task.log.error("%s", " ".join(str(error).split()))
