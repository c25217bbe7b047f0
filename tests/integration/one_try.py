"""One try of an upload task, for a process that a test may kill."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator


def one_try(connection: str, arguments: dict, try_number: int, result: str) -> None:
    """
    Upload, and write down the audience's id.

    :param connection: The connection to IQM, as an environment variable holds it.
    :param arguments: The operator's.
    :param try_number: Which try it is.
    :param result: The file for the id.
    """
    os.environ["AIRFLOW_CONN_IQM_DEFAULT"] = connection
    ti = SimpleNamespace(
        dag_id="d", task_id="upload", run_id="run", map_index=-1, try_number=try_number, xcom_push=lambda **_: None
    )
    audience_id = MatchedAudienceUploadOperator(task_id="upload", lost_answer_timeout=1, **arguments).execute(
        {"ti": ti}
    )
    Path(result).write_text(str(audience_id))
    if try_number == 1:
        # A task's process lives on for a moment when its work is done.
        time.sleep(0.5)
