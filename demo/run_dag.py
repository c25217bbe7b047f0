"""Runs an example Dag with ``dag.test()`` and writes the result as JSON: ``run_dag.py DAG_ID RESULT``."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path


def main(dag_id: str, result: str) -> int:
    sys.path.insert(0, os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    run = import_module(dag_id).dag.test()
    tasks = run.get_task_instances()
    sensor = next(task for task in tasks if task.task_id == "wait_until_ready")
    outcome = {
        "state": str(run.state),
        "tasks": {task.task_id: str(task.state) for task in sorted(tasks, key=lambda task: str(task.start_date))},
        "audience": sensor.xcom_pull(task_ids="wait_until_ready"),
    }
    Path(result).write_text(json.dumps(outcome))
    return 0 if str(run.state) == "success" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
