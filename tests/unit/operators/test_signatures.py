"""The signatures of the public operators and the sensor, as IDEs, the reference and Airflow see them."""

from __future__ import annotations

import datetime
import inspect
import re
import warnings
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_iqm.operators.campaign import ReplaceAudienceOperator, TargetAudienceOperator
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator
from airflow_provider_iqm.operators.prepare_audience_file import PrepareAudienceFileOperator
from airflow_provider_iqm.operators.upload.audience_upload import AudienceUploadOperator
from airflow_provider_iqm.sensors.matched_audience import AudienceReadySensor
from airflow_provider_iqm.transfers.sql_to_matched_audience import SqlToMatchedAudienceOperator

LIST = {"audience_name": "List", "columns": {"email": "Email"}}
REQUIRED = {
    MatchedAudienceUploadOperator: {**LIST, "file_path": "list.csv"},
    PrepareAudienceFileOperator: {**LIST, "file_path": "list.csv", "output_dir": "parts"},
    SqlToMatchedAudienceOperator: {**LIST, "sql": "SELECT 1", "conn_id": "warehouse"},
    AudienceReadySensor: {"audience_id": 7},
    TargetAudienceOperator: {"campaign_ids": [5], "include": 7},
    ReplaceAudienceOperator: {"old_audience_id": 7, "new_audience_id": 8},
}
CLASSES = list(REQUIRED)
OPERATORS = [kind for kind in CLASSES if "columns" in REQUIRED[kind]]
CAMPAIGN_OPERATORS = [TargetAudienceOperator, ReplaceAudienceOperator]
DEFAULT_ARGS = {AudienceReadySensor: ("poke_interval", 5), **dict.fromkeys(CAMPAIGN_OPERATORS, ("campaign_ids", [6]))}
FROM_AIRFLOW = {"mode"}
"""Text that Airflow reads before templates are rendered."""


def signature(kind):
    return dict(list(inspect.signature(kind.__init__).parameters.items())[1:-1])


def documented(kind):
    text = " ".join(inspect.getdoc(kind).split())
    return dict(re.findall(r":param (\w+): (.*?)(?= :param |$)", text))


@pytest.mark.parametrize("kind", CLASSES)
def test_all_arguments_are_keyword_only_and_typed(kind):
    given = inspect.signature(kind.__init__).parameters
    assert list(given.values())[-1].kind is inspect.Parameter.VAR_KEYWORD
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in signature(kind).values())
    assert all(one.annotation is not inspect.Parameter.empty for one in signature(kind).values())


@pytest.mark.parametrize("kind", CLASSES)
def test_kwargs_are_those_of_base_operator_only(kind):
    between = kind.__mro__[1 : kind.__mro__.index(BaseOperator)]
    taken = {name for base in between for name in inspect.signature(base.__init__).parameters}
    assert (
        taken - {"self", "args", "kwargs"} <= signature(kind).keys() | inspect.signature(BaseOperator).parameters.keys()
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_the_docstring_describes_every_argument_and_marks_templated_ones(kind):
    assert documented(kind).keys() == signature(kind).keys()
    said = {name for name, text in documented(kind).items() if text.endswith("(templated)")}
    assert said == set(kind.template_fields)


@pytest.mark.parametrize("kind", CLASSES)
def test_only_text_and_mappings_are_templated(kind):
    choices = ("Ids", "PhoneFormat", "OnInvalidRecords", "OnUnchanged", "OnLowMatchRate", "OnEmpty")
    text = {
        name
        for name, one in signature(kind).items()
        if any(word in str(one.annotation) for word in ("str", "Mapping", "Path", *choices))
    }
    assert set(kind.template_fields) == text - FROM_AIRFLOW


@pytest.mark.parametrize("kind", OPERATORS)
def test_shared_arguments_have_the_same_type_default_and_description(kind):
    own = {"file_path"}
    for name, one in signature(kind).items():
        for other in OPERATORS:
            if name in signature(other) and name not in own:
                assert signature(other)[name] == one
                assert documented(other)[name] == documented(kind)[name]


@pytest.mark.parametrize("kind", [*OPERATORS, *CAMPAIGN_OPERATORS])
def test_every_argument_is_an_attribute_also_in_a_subclass(kind):
    class Own(kind):
        def __init__(self, *, more: str = "more", **kwargs):
            super().__init__(**kwargs)
            self.more = more

    given = {name: object() for name in signature(kind)}
    for operator in (kind(task_id="x", **given), Own(task_id="x", **given)):
        assert {name: getattr(operator, name) for name in given} == given
    assert vars(Own(task_id="x", **given)).keys().isdisjoint({"self", "kwargs", "__class__"})


@pytest.mark.parametrize("kind", CLASSES)
def test_the_dag_s_default_args_are_used(kind):
    name, value = DEFAULT_ARGS.get(kind, ("memory_limit", "64MiB"))
    required = {key: given for key, given in REQUIRED[kind].items() if key != name}
    with DAG("dag", start_date=datetime.datetime(2026, 1, 1), schedule=None, default_args={name: value}):
        operator = kind(task_id="x", **required)
    assert getattr(operator, name) == value


@pytest.mark.parametrize("kind", CLASSES)
def test_unknown_arguments_are_rejected(kind):
    with pytest.raises(Exception, match="misspelled"):
        kind(task_id="x", misspelled=1, **REQUIRED[kind])


@pytest.fixture
def render(tmp_path):
    """Parse a Dag with an operator in a folder with template files, and render its templates."""
    (tmp_path / "columns.json").write_text('{"email": "{{ params.field }}"}')
    (tmp_path / "query.sql").write_text("SELECT {{ params.field }}")

    def rendered(kind, *, native=False, resolve=True, **arguments):
        dag = DAG(
            "dag",
            start_date=datetime.datetime(2026, 1, 1),
            schedule=None,
            template_searchpath=str(tmp_path),
            render_template_as_native_obj=native,
        )
        with dag:
            operator = kind(task_id="x", **{**REQUIRED[kind], **arguments})
        if resolve:
            dag.resolve_template_files()
        operator.render_template_fields({"params": {"field": "Email"}, "ti": MagicMock()})
        return operator

    return rendered


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("resolve", [False, True])
@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("name", ["columns", "column_settings", "hash_columns"])
def test_a_mapping_can_be_a_json_file(render, kind, name, resolve, native):
    mapping = getattr(render(kind, resolve=resolve, native=native, **{name: "columns.json"}), name)
    assert mapping == ({"email": "Email"} if native else '{"email": "Email"}')


@pytest.mark.parametrize("resolve", [False, True])
def test_a_query_and_its_parameters_can_be_files(render, resolve):
    operator = render(SqlToMatchedAudienceOperator, resolve=resolve, sql="query.sql", parameters="columns.json")
    assert (operator.sql, operator.parameters) == ("SELECT Email", '{"email": "Email"}')


@pytest.mark.parametrize("resolve", [False, True])
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (MatchedAudienceUploadOperator, {"quarantine_path": "columns.json", "audience_name": "columns.json"}),
        (MatchedAudienceUploadOperator, {"file_path": "missing.json"}),
        (PrepareAudienceFileOperator, {"output_dir": "columns.json"}),
        (SqlToMatchedAudienceOperator, {"audience_name": "query.sql", "quarantine_path": "missing.json"}),
        (SqlToMatchedAudienceOperator, {"sql": "columns.json", "columns": "query.sql"}),
        (SqlToMatchedAudienceOperator, {"parameters": {"file": "columns.json", "query": "query.sql"}}),
        (SqlToMatchedAudienceOperator, {"parameters": ["columns.json", "missing.json"]}),
    ],
)
def test_other_text_with_a_file_extension_is_not_read_as_a_file(render, kind, arguments, resolve):
    operator = render(kind, resolve=resolve, **arguments)
    assert {name: getattr(operator, name) for name in arguments} == arguments
    assert (operator.template_fields, operator.template_ext) == (kind.template_fields, kind.template_ext)


@pytest.mark.parametrize(
    ("arguments", "by_default", "warned"),
    [
        ({"deferrable": True}, "False", True),
        ({"deferrable": True, "wait_for_ready": True}, "False", False),
        ({"deferrable": False}, "False", False),
        ({"deferrable": True}, "True", False),
    ],
)
@pytest.mark.parametrize("kind", [MatchedAudienceUploadOperator, SqlToMatchedAudienceOperator])
def test_deferrable_without_wait_for_ready_warns(monkeypatch, kind, arguments, by_default, warned):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", by_default)
    monkeypatch.setattr(AudienceUploadOperator, "_execute", lambda *_, **__: 7)
    operator = kind(task_id="x", **REQUIRED[kind], **arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert operator.execute({"ti": MagicMock()}) == 7
    assert ["deferrable=True without wait_for_ready=True" in str(one.message) for one in caught] == [True] * warned
