"""Arguments from Params and XComs, as Airflow itself renders them."""

from __future__ import annotations

DAG = """
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator as Upload

PARAMS = {{"segment": None, "columns": {{"email": "Email"}}, "settings": '{{"Email": "Raw"}}'}}
MAPPINGS = {{"columns": "{{{{ params.columns }}}}", "column_settings": "{{{{ params.settings }}}}"}}

with DAG("rendered", schedule=None, params=PARAMS) as dag:

    @task
    def nothing():
        return None

    @task
    def name():
        return "List"

    given = {{"file_path": {file!r}, **MAPPINGS}}
    Upload(task_id="xcom", audience_name=nothing(), **given)
    Upload(task_id="param", audience_name="VIP {{{{ params.segment }}}}", **given)
    pulled = "{{{{ ti.xcom_pull('nothing') }}}}"
    Upload.partial(task_id="mapped", audience_name=pulled, **given).expand(delimiter=[",", None])
    Upload(task_id="good", audience_name=name(), **given)
"""


def test_what_renders_to_none_names_no_audience_and_mappings_may_be_text(run_dag, sandbox, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nfrodo@shire.example\n")
    run = run_dag(DAG.format(file=str(path)), "rendered")
    failed = {task for task, state in run.tasks.items() if state == "failed"}
    assert failed == {("xcom", -1), ("param", -1), ("mapped", 0), ("mapped", 1)}
    (audience,) = sandbox.audiences
    assert (audience.name, audience.columns, audience.column_settings) == ("List", {"email": "Email"}, {"Email": "Raw"})
