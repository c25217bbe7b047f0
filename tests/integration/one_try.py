"""One try of an upload task, for a process that a test may kill."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from airflow_provider_iqm.assets.matched_audience import matched_audience_asset
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


class FileState:
    """
    A state store of Airflow's that outlives the process, as its server does.

    :param path: The file of its values.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, key: str) -> object:
        return self._read().get(key)

    def set(self, key: str, value: object) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self._read() | {key: value}))
        new.replace(self.path)

    def _read(self) -> dict:
        return json.loads(self.path.read_text()) if self.path.exists() else {}


def one_night(connection: str, arguments: dict, night: int, try_number: int, folder: str) -> None:
    """
    Run a night's try of a task that replaces its last night's audience, and write down the new audience's id.

    :param connection: The connection to IQM, as an environment variable holds it.
    :param arguments: The operator's.
    :param night: Which night it is.
    :param try_number: Which try of the night it is.
    :param folder: The folder for the list, the states and the id.
    """
    os.environ["AIRFLOW_CONN_IQM_DEFAULT"] = connection
    path = Path(folder, f"list-{night}.csv")
    path.write_text(f"email\nfrodo{night}@shire.example\n")
    asset = matched_audience_asset("VIP")
    operator = MatchedAudienceUploadOperator(
        task_id="vip",
        file_path=str(path),
        audience_name="VIP",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
        lost_answer_timeout=1,
        poke_interval=0,
        replaces="previous",
        inlets=[asset],
        **arguments,
    )
    ti = SimpleNamespace(
        dag_id="d",
        task_id="vip",
        run_id=f"night_{night}",
        map_index=-1,
        try_number=try_number,
        xcom_push=lambda **_: None,
        xcom_pull=lambda **_: None,
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=night)
    context = {
        "ti": ti,
        "task": operator,
        "dag_run": SimpleNamespace(run_after=moment, run_type="scheduled"),
        "task_state_store": FileState(Path(folder, f"task-{night}.json")),
        "asset_state_store": {asset: FileState(Path(folder, "asset.json"))},
    }
    Path(folder, "result").write_text(str(operator.execute(context)))
