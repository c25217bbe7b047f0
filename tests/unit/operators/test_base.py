"""Templates that render to nothing are rejected before any request, with an error that names the argument."""

from __future__ import annotations

import datetime
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_iqm.operators.campaign import ReplaceAudienceOperator
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

LIST = {"audience_name": "List", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
USUAL = {
    MatchedAudienceUploadOperator: {**LIST, "file_path": "list.csv"},
    PrepareAudienceFileOperator: {**LIST, "file_path": "list.csv", "output_dir": "parts"},
    SqlToMatchedAudienceOperator: {**LIST, "sql": "SELECT 1", "conn_id": "warehouse"},
    AudienceReadySensor: {"audience_id": 7},
}
PARAMS = {
    "nothing": None,
    "nan": float("nan"),
    "blank": " ",
    "name": "VIP",
    "text": "None",
    "null": "null",
    "empty": "",
}


@pytest.fixture
def render():
    """Make an operator and render its templates."""

    def make(kind, *, native=False, **arguments):
        with DAG("dag", start_date=datetime.datetime(2026, 1, 1), schedule=None, render_template_as_native_obj=native):
            operator = kind(task_id="task", **{**USUAL[kind], **arguments})
        operator.render_template_fields({"params": PARAMS, "ti": MagicMock()})
        return operator

    return make


def refused(operator):
    with pytest.raises(AirflowFailException) as raised:
        operator.execute({"ti": MagicMock(try_number=1)})
    return str(raised.value)


FIELDS = [
    (MatchedAudienceUploadOperator, "audience_name"),
    (MatchedAudienceUploadOperator, "file_path"),
    (MatchedAudienceUploadOperator, "iqm_conn_id"),
    (MatchedAudienceUploadOperator, "columns"),
    (MatchedAudienceUploadOperator, "hash_columns"),
    (MatchedAudienceUploadOperator, "quarantine_path"),
    (PrepareAudienceFileOperator, "audience_name"),
    (PrepareAudienceFileOperator, "file_path"),
    (PrepareAudienceFileOperator, "output_dir"),
    (SqlToMatchedAudienceOperator, "sql"),
    (SqlToMatchedAudienceOperator, "conn_id"),
    (SqlToMatchedAudienceOperator, "audience_name"),
    (AudienceReadySensor, "audience_id"),
    (AudienceReadySensor, "iqm_conn_id"),
]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_template_that_renders_to_none_is_rejected(render, requests_mock, kind, field, native):
    template = "{{ params.nothing }}"
    message = refused(render(kind, native=native, **{field: template}))
    assert message.startswith(f"{field} rendered to None: {template}.")
    assert requests_mock.call_count == 0


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ params.nan }}", "audience_name rendered to"),
        ("{{ params.blank }}", "audience_name rendered to an empty string"),
        ("{{ params.text }}", "audience_name rendered to None"),
        ("{{ params.nothing | lower }}", "audience_name rendered to none"),
        ("VIP {{ params.nothing }}", "audience_name has an expression that rendered to None: {{ params.nothing }}."),
        ("{{ params.name }} {{ params.nothing }}", "{{ params.name }}, {{ params.nothing }}."),
    ],
)
def test_other_missing_values_are_rejected_too(render, template, message, native):
    assert message in refused(render(MatchedAudienceUploadOperator, native=native, audience_name=template))


@pytest.mark.parametrize("field", ["delimiter", "sheet", "encoding", "audience_subtype"])
def test_the_text_none_is_not_an_option(render, field):
    message = refused(render(MatchedAudienceUploadOperator, **{field: "{{ params.nothing }}"}))
    assert message.startswith(f"{field} rendered to None: ")


@pytest.mark.parametrize("native", [False, True])
def test_expressions_inside_paths_queries_and_parameters_are_found(render, native):
    path = render(MatchedAudienceUploadOperator, native=native, file_path="/data/{{ params.nothing }}.csv")
    assert refused(path).startswith("file_path has an expression that rendered to None: {{ params.nothing }}.")
    query = "SELECT secret FROM {{ params.nothing }}"
    message = refused(render(SqlToMatchedAudienceOperator, native=native, sql=query))
    assert message.startswith("sql has an expression that rendered to None: {{ params.nothing }}.")
    assert "secret" not in message
    mapping = render(MatchedAudienceUploadOperator, native=native, columns={"email": "Email {{ params.nothing }}"})
    assert refused(mapping).startswith("columns has an expression")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("argument", ["columns", "column_settings", "hash_columns"])
@pytest.mark.parametrize("param", ["null", "empty", "blank", "text", "nan"])
def test_the_error_names_a_mapping_value_that_renders_to_nothing(render, argument, param, native):
    template = f"{{{{ params.{param} }}}}"
    given = {"first": "Email", "mail": template}
    message = refused(render(MatchedAudienceUploadOperator, native=native, **{argument: given}))
    assert message.startswith(
        (f"{argument} has no value for 'mail', which rendered to", f"{argument} has an expression")
    )
    assert template in message


def test_a_parameter_of_a_query_may_be_empty(render):
    operator = render(SqlToMatchedAudienceOperator, parameters={"suffix": "{{ params.empty }}"})
    assert not operator.unusable_arguments


def test_parameters_may_be_none_but_not_the_text(render):
    parameters = {"parameters": {"state": "{{ params.nothing }}"}}
    assert refused(render(SqlToMatchedAudienceOperator, **parameters)).startswith("parameters has an expression")
    assert not render(SqlToMatchedAudienceOperator, native=True, **parameters).unusable_arguments


@pytest.mark.parametrize("name", ["replaces", "campaign_ids"])
@pytest.mark.parametrize("kind", [MatchedAudienceUploadOperator, SqlToMatchedAudienceOperator])
@pytest.mark.parametrize("native", [True, False])
def test_a_template_that_renders_to_none_switches_no_replacement_off(render, kind, name, native):
    assert refused(render(kind, native=native, **{name: "{{ params.nothing }}"})).startswith(f"{name} rendered to None")
    assert not render(kind, **{name: None}).unusable_arguments


@pytest.mark.parametrize("name", ["replaces", "campaign_ids"])
def test_a_replacement_is_not_switched_off_when_the_task_resumes(render, name):
    operator = render(MatchedAudienceUploadOperator, **{name: "{{ params.nothing }}"})
    audience = {"id": 7, "name": "List", "status": "Ready", "match_rate": 50.0, "uniques": 5, "records": 9}
    event = {"kind": "ready", "audiences": [{**audience, "data_cost": None}]}
    with pytest.raises(AirflowFailException, match=f"{name} rendered to None"):
        operator.execute_complete({"ti": MagicMock(try_number=1)}, event)


def test_a_replacement_is_not_widened_by_an_xcom_that_is_none():
    with DAG("dag", start_date=datetime.datetime(2026, 1, 1), schedule=None):
        audiences = {"old_audience_id": 7, "new_audience_id": 8}
        campaign_ids = ReplaceAudienceOperator(task_id="other", **audiences).output
        operator = ReplaceAudienceOperator(task_id="task", campaign_ids=campaign_ids, **audiences)
    ti = MagicMock()
    ti.xcom_pull.return_value = None
    operator.render_template_fields({"ti": ti, "expanded_ti_count": None})
    assert refused(operator).startswith("campaign_ids rendered to None")


def test_a_literal_none_is_accepted(render):
    arguments = {"audience_name": "None", "file_path": "/data/None.csv"}
    assert not render(MatchedAudienceUploadOperator, **arguments).unusable_arguments
    named = render(MatchedAudienceUploadOperator, audience_name="{{ params.name }} of None")
    assert not named.unusable_arguments
    assert not render(SqlToMatchedAudienceOperator, sql="SELECT '{{ params.name }}' AS None").unusable_arguments


def test_a_default_in_the_template_is_used(render):
    operator = render(MatchedAudienceUploadOperator, audience_name="{{ params.nothing or 'List' }}")
    assert (operator.audience_name, dict(operator.unusable_arguments)) == ("List", {})


def test_required_arguments_must_not_be_none(render):
    for kind, field in ((MatchedAudienceUploadOperator, "file_path"), (MatchedAudienceUploadOperator, "audience_name")):
        assert refused(render(kind, **{field: None})) == f"{field} is None. Set it to a value."
