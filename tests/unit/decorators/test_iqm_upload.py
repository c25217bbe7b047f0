"""The decorator ``@task.iqm_upload``."""

from __future__ import annotations

import datetime
import gzip
import inspect
import json
import logging
import stat
from pathlib import Path
from unittest.mock import MagicMock

import pandas as pd
import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, ObjectStoragePath, task

from airflow_provider_iqm.decorators.iqm_upload import iqm_upload_task
from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

API = "https://api.iqm.com"
ARGUMENTS = {"audience_name": "List", "columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
SECRET = "frodo@shire.example"
CSV = f"email,zip\r\n{SECRET},01234\r\n".encode()


@pytest.fixture
def iqm(requests_mock, iqm_connection):
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 35999, "owId": 1}
    requests_mock.post(f"{API}/api/v3/ua/login", json={"success": True, "data": token})
    created = {"statusCode": 200, "responseObject": {"id": 15332, "message": "ok"}}
    requests_mock.post(f"{API}/api/v2/audience/matched/add", json=created)
    return requests_mock


def decorated(function, /, *args, **arguments):
    """Return the task of a decorated function in a Dag."""
    with DAG("dag", start_date=datetime.datetime(2026, 1, 1), schedule=None):
        return task.iqm_upload(**{"task_id": "upload", **ARGUMENTS, **arguments})(function)(*args).operator


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a decorated function; return the uploaded file, as it was sent, and what was pushed to XCom."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sent = {}

    def upload(hook, prepared, **_):
        sent["file"] = prepared.file.path.read_bytes()
        sent["name"] = prepared.file.name
        sent["mode"] = stat.S_IMODE(prepared.file.path.stat().st_mode)
        return 15332

    def run_task(function, *args, **arguments):
        monkeypatch.setattr(IQMHook, "_upload", upload)
        operator = decorated(function, *args, scratch_dir=str(scratch), **arguments)
        ti = MagicMock(dag_id="dag", task_id="upload", run_id="run", map_index=-1, try_number=1)
        try:
            assert operator.execute({"ti": ti, "params": {"zip": "01234"}}) == 15332
        finally:
            assert list(scratch.iterdir()) == []
        sent["pushed"] = {call.kwargs["key"]: call.kwargs["value"] for call in ti.xcom_push.call_args_list}
        return sent

    return run_task


def test_the_decorator_is_the_provider_s():
    assert task.iqm_upload is iqm_upload_task
    operator = decorated(lambda: CSV)
    assert isinstance(operator, MatchedAudienceUploadOperator)
    assert operator.custom_operator_name == "@task.iqm_upload"


class ArrowOnly:
    """A table of another library, such as Polars."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


TABLE = {"email": [SECRET], "zip": ["01234"]}
VALUES = {
    "pandas": lambda: pd.DataFrame(TABLE),
    "Arrow": lambda: pa.table(TABLE),
    "a stream of Arrow's": lambda: pa.table(TABLE).to_reader(),
    "another library": lambda: ArrowOnly(pa.table(TABLE)),
    "dicts": lambda: [{"email": SECRET, "zip": "01234"}],
    "an iterator of dicts": lambda: iter([{"email": SECRET, "zip": "01234"}]),
    "tuples": lambda: (record for record in [("email", "zip"), (SECRET, "01234")]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_table_or_records_are_written_to_a_private_file(run, kind):
    sent = run(VALUES[kind], task_id="people")
    assert sent["file"] == CSV
    assert (sent["name"], sent["mode"]) == ("people.csv", 0o600)
    event = sent["pushed"].pop("audience_event")
    assert (event["audience_id"], event["status"], event["records"]) == (15332, "Processing", 1)
    assert sent["pushed"] == {"audience_name": "List", "records": 1, "file_name": "people.csv", "file_size": len(CSV)}


@pytest.mark.parametrize("kind", [str, Path, lambda path: ObjectStoragePath(f"file://{path}")])
def test_a_file_is_uploaded_byte_for_byte_and_stays(run, tmp_path, kind):
    path = tmp_path / "list.csv"
    path.write_bytes(CSV)
    sent = run(lambda: kind(path))
    assert (sent["file"], sent["name"]) == (CSV, "list.csv")
    assert path.read_bytes() == CSV


def test_a_file_is_read_as_the_arguments_say(run, tmp_path):
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress("email;städt\nfrodo@shire.example;Köln\n".encode("cp1252")))
    sent = run(lambda: path, delimiter=";", encoding="cp1252")
    assert sent["file"].decode() == f"email,städt\r\n{SECRET},Köln\r\n"


def test_the_arguments_of_a_file_are_not_for_records(run):
    assert run(VALUES["dicts"], delimiter=";", encoding="cp1252", sheet="people")["file"] == CSV


def test_records_are_cleaned(run):
    sent = run(lambda: [{"email": f" {SECRET.upper()} "}] * 2, normalize=True, drop_duplicates=True)
    assert sent["file"].decode().split() == ["email", SECRET]
    assert sent["pushed"]["report"]["duplicates"] == 1


def test_the_function_gets_its_arguments_and_the_context(run):
    def people(email, params=None, **context):
        yield {"email": email, "zip": params["zip"], "try": context["ti"].try_number}

    assert run(people, SECRET)["file"] == f"email,zip,try\r\n{SECRET},01234,1\r\n".encode()


WRONG = {
    "None": (lambda: None, "The result of <lambda>() is None. Return a path, a pandas"),
    "a number": (lambda: 7, "is of type int"),
    "a dict": (lambda: {"email": [SECRET]}, "is of type dict"),
    "bytes": (lambda: CSV, "is of type bytes"),
    "a set": (lambda: {(SECRET,)}, "is of type set"),
    "texts": (lambda: [SECRET], "record 1 is of type str"),
    "no records": (lambda: iter(()), "has no records"),
    "a header only": (lambda: [("email",)], "record"),
    "no rows": (lambda: pd.DataFrame({"email": []}), "record"),
    "a series": (lambda: pd.Series([SECRET]), "is of type Series"),
    "differing keys": (lambda: [{"email": SECRET}, {"mail": SECRET}], "record 2 lacks column 'email'"),
    "an unknown column": (lambda: [{"mail": SECRET}], "columns maps 'email'"),
    "no header": (lambda: [(SECRET, "Frodo"), (SECRET, "Sam")], "columns maps 'email'"),
    "no file": (lambda: "/no/such/list.csv", "/no/such/list.csv"),
    "an empty path": (lambda: "", "is an empty string"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_result_fails_without_a_retry_or_request(run, iqm, case, caplog):
    function, says = WRONG[case]
    with pytest.raises(AirflowFailException) as caught:
        run(function)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text
    assert iqm.call_count == 0


@pytest.mark.parametrize(
    "arguments", [{"columns": {"email": "Emial"}}, {"audience_name": " "}, {"suppression_path": "/no/such/file"}]
)
def test_wrong_arguments_fail_before_the_function(run, arguments):
    with pytest.raises(AirflowFailException):
        run(lambda: pytest.fail("called"), **arguments)


@pytest.mark.parametrize("error", [ValueError, AirflowSkipException, OSError, KeyboardInterrupt])
def test_an_error_of_the_function_is_its_own(run, iqm, error):
    def people():
        yield {"email": SECRET}
        raise error("half-way")

    with pytest.raises(error, match="half-way"):
        run(people)
    assert iqm.call_count == 0


def test_the_log_and_the_rendered_fields_have_no_value(run, caplog):
    caplog.set_level(logging.DEBUG)
    run(VALUES["dicts"])
    assert SECRET not in caplog.text
    operator = decorated(VALUES["dicts"])
    assert operator.template_fields[:2] == ("op_args", "op_kwargs")
    assert "file_path" not in operator.template_fields
    assert set(operator.template_fields[2:]) == set(MatchedAudienceUploadOperator.template_fields) - {"file_path"}


def test_templates_can_use_the_function_s_arguments():
    operator = decorated(lambda state: [], "MA", audience_name="In {{ task.op_args[0] }}")
    operator.render_template_fields({"task": operator})
    assert operator.audience_name == "In MA"


def test_arguments_of_the_function_may_be_none():
    operator = decorated(lambda *_: [], "{{ params.x }}", {"x": "{{ params.x }}.json"})
    operator.render_template_fields({"params": {"x": None}})
    operator.check_rendered_arguments()
    assert list(operator.op_args) == ["None", {"x": "None.json"}]


def test_an_argument_of_the_upload_may_not():
    operator = decorated(lambda: CSV, audience_name="{{ params.x }}")
    operator.render_template_fields({"params": {"x": None}})
    with pytest.raises(Exception, match="audience_name rendered to None"):
        operator.check_rendered_arguments()


@pytest.mark.parametrize("function", ["async def people(): return []", "async def people(): yield {}"])
def test_async_functions_are_refused(function):
    names = {}
    exec(function, names)
    with pytest.raises(TypeError, match=r"doesn't support async functions. Define people\(\) without async"):
        decorated(names["people"])


def test_the_annotation_of_the_function_does_not_matter():
    def people() -> dict[str, NotImported]: ...  # noqa: F821

    assert not decorated(people).multiple_outputs


def parameters(function):
    return dict(inspect.signature(function).parameters)


def test_the_signature_is_the_operator_s():
    own, operator = parameters(iqm_upload_task), parameters(MatchedAudienceUploadOperator.__init__)
    del own["python_callable"], operator["self"], operator["file_path"]
    assert [(one.name, one.kind, one.annotation) for one in own.values()] == [
        (one.name, one.kind, one.annotation) for one in operator.values()
    ]
    required = [name for name, one in own.items() if one.default is inspect.Parameter.empty]
    assert required == ["audience_name", "columns", "kwargs"]


def test_the_docstring_describes_the_arguments_as_the_operator_s():
    def documented(item):
        text = inspect.getdoc(item)
        start, end = text.index(":param audience_name:"), text.find("\n:param kwargs:")
        return text[start : None if end < 0 else end]

    assert documented(iqm_upload_task) == documented(MatchedAudienceUploadOperator)


def test_arguments_that_are_not_set_are_the_dag_s_or_the_operator_s():
    plain = MatchedAudienceUploadOperator(task_id="x", file_path="list.csv", **ARGUMENTS)
    names = parameters(MatchedAudienceUploadOperator.__init__).keys() - {"self", "kwargs", "file_path", *ARGUMENTS}
    operator = decorated(lambda: CSV)
    assert {name: getattr(operator, name) for name in names} == {name: getattr(plain, name) for name in names}
    defaults = {"min_records": 9, "wait_for_ready": True}
    with DAG("dag", start_date=datetime.datetime(2026, 1, 1), schedule=None, default_args=defaults):
        operator = (
            iqm_upload_task(task_id="x", **ARGUMENTS, wait_for_ready=False)(lambda: CSV)
            .override(task_id="y")()
            .operator
        )
    assert (operator.min_records, operator.wait_for_ready, operator.task_id) == (9, False, "y")


def test_misspelled_and_missing_arguments_are_refused():
    with pytest.raises(TypeError, match="audience_name"):
        iqm_upload_task(lambda: CSV)
    with pytest.raises(Exception, match="misspelled"):
        decorated(lambda: CSV, misspelled=1)


def test_provider_info_is_valid_json():
    from airflow_provider_iqm.get_provider_info import get_provider_info

    (entry,) = json.loads(json.dumps(get_provider_info()["task-decorators"]))
    assert entry["name"] == "iqm_upload"
