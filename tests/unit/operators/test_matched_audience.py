from __future__ import annotations

import gzip
import hashlib
import json
import logging
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.hooks.iqm import IQMHook
from airflow_provider_iqm.operators.matched_audience import MatchedAudienceUploadOperator

API = "https://api.iqm.com"
ROW = "frodo@shire.example,Frodo,01234"
COLUMNS = {"email": "Email"}
RAW = {"Email": "Raw"}
CREATED = json.dumps({"statusCode": 200, "responseObject": {"id": 15332, "message": "ok"}})


@pytest.fixture
def iqm(requests_mock, iqm_connection):
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 35999, "owId": 1}
    requests_mock.post(f"{API}/api/v3/ua/login", json={"success": True, "data": token})
    created = {"statusCode": 200, "responseObject": {"id": 15332, "message": "ok"}}
    requests_mock.post(f"{API}/api/v2/audience/matched/add", json=created)
    return requests_mock


@pytest.fixture
def run(tmp_path):
    """Run the operator on a file of this content."""

    def run_operator(content=f"email,name,zip\n{ROW}\n", name="list.csv", **arguments):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = {"audience_name": "List", "columns": COLUMNS, "column_settings": RAW, **arguments}
        ti = MagicMock(dag_id="dag", task_id="upload", run_id="run", map_index=-1, try_number=1)
        context = {"ti": ti}
        operator = MatchedAudienceUploadOperator(task_id="upload", file_path=str(path), **given)
        return operator.execute(context), context["ti"].xcom_push

    return run_operator


def test_returns_the_id_and_pushes_the_summary(run, iqm):
    audience_id, push = run()
    assert audience_id == 15332
    assert isinstance(audience_id, int)
    pushed = {call.kwargs["key"]: call.kwargs["value"] for call in push.call_args_list}
    assert pushed["audience_name"] == "List"
    assert pushed["records"] == 1
    assert pushed["file_name"] == "list.csv"
    assert pushed["file_size"] == len(f"email,name,zip\n{ROW}\n")


WRONG = {
    "no file": ({"content": None}, "list.csv"),
    "empty": ({"content": ""}, "empty"),
    "header only": ({"content": "email,zip\n"}, "record"),
    "not csv": ({"content": b"%PDF-1.7 ...", "name": "list.csv"}, "list.csv"),
    "other name": ({"name": "list.txt"}, "list.txt"),
    "not xlsx": ({"name": "list.xlsx"}, "list.xlsx"),
    "xlsx as csv": ({"content": b"PK\x03\x04" + bytes(100)}, "list.csv"),
    "double header": ({"content": f"email,email,zip\n{ROW}\n"}, "email"),
    "empty header": ({"content": f"email,,zip\n{ROW}\n"}, "2"),
    "ragged": ({"content": f"email,name,zip\n{ROW}\n{ROW},x\n"}, "line 3"),
    "unclosed quote": ({"content": f'email,name,zip\n{ROW}\n"{ROW}\n'}, "line 3"),
    "unknown column": ({"columns": {"emial": "Email"}}, "email"),
    "unknown field": ({"columns": {"email": "Emial"}}, "Email"),
    "no kind": ({"columns": {"zip": "Zip"}, "column_settings": None}, "State"),
    "no setting": ({"column_settings": None}, "column_settings"),
    "wrong setting": ({"column_settings": {"Email": "SHA257"}}, "SHA256"),
    "blank key": ({"content": "email,name,zip\n,Frodo,01234\n , Sam,01234\n"}, "email"),
    "no name": ({"audience_name": "  "}, "audience_name"),
    "no such encoding": ({"encoding": "cp9999"}, "cp9999"),
    "another encoding": ({"content": b"email,name\n\x81,x\n", "encoding": "cp1252"}, "line 2"),
    "no delimiter": ({"delimiter": ";;"}, "delimiter"),
    "a sheet of a CSV file": ({"sheet": "people"}, "sheet"),
    "unknown word": ({"on_unchanged": "never"}, "on_unchanged"),
    "nowhere to keep the last list": ({"on_unchanged": "skip", "do_xcom_push": False}, "do_xcom_push"),
    "a gate without a wait": ({"min_match_rate": 40}, "wait_for_ready"),
    "no percentage": ({"min_match_rate": 4000, "wait_for_ready": True}, "min_match_rate"),
    "damaged gzip": ({"content": b"\x1f\x8b\x08...", "name": "list.csv.gz"}, "gzip"),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_input_fails_without_a_retry_or_request(run, iqm, case):
    arguments, culprit = WRONG[case]
    with pytest.raises(AirflowFailException) as raised:
        run(**arguments)
    message = str(raised.value)
    assert culprit.lower() in message.lower()
    for value in ("frodo@shire.example", "Frodo", "01234"):
        assert value not in message
    assert iqm.call_count == 0


def test_every_invalid_input_has_its_own_message(run, iqm):
    messages = set()
    for arguments, _ in WRONG.values():
        with pytest.raises(AirflowFailException) as raised:
            run(**arguments)
        messages.add(str(raised.value))
    assert len(messages) == len(WRONG)


def test_template_fields():
    assert set(MatchedAudienceUploadOperator.template_fields) >= {
        "file_path",
        "audience_name",
        "columns",
        "column_settings",
        "delimiter",
        "encoding",
        "sheet",
        "iqm_conn_id",
    }


def keep_in(sent):
    def answer(request, _):
        sent.append(b"".join(request.body))
        return CREATED

    return answer


LIST = "email,name,zip\nFrodo@shire.example ,Frodo,01234\nnobody,Sam,01234\n"
HASHED = hashlib.sha256(b"frodo@shire.example").hexdigest()


def test_uploads_the_cleaned_file_with_matching_settings_and_counts(run, iqm, tmp_path, monkeypatch):
    log = MagicMock()
    monkeypatch.setattr(IQMHook, "log", log)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = {"hash_columns": {"email": "SHA256"}, "max_invalid_ratio": 0.5, "scratch_dir": str(scratch)}
    sent = []
    iqm.post(
        f"{API}/api/v2/audience/matched/add", text=lambda request, _: sent.append(b"".join(request.body)) or CREATED
    )
    _, push = run(LIST, column_settings=None, **options)
    body = sent[0].decode()
    assert f"email,name,zip\n{HASHED},Frodo,01234\n" in body
    assert '{"Email": "SHA256"}' in body or '{"Email":"SHA256"}' in body
    assert "shire.example" not in body
    assert "nobody" not in body
    pushed = {call.kwargs["key"]: call.kwargs["value"] for call in push.call_args_list}
    assert pushed["records"] == 1
    assert pushed["report"]["dropped"] == {"malformed email": 1}
    assert json.loads(json.dumps(pushed["report"]))["records_read"] == 2
    assert any("dropped: malformed email" in str(call.args[-1]) for call in log.info.call_args_list)
    assert not list(scratch.iterdir())


def test_the_cleaned_copy_is_deleted_after_a_failed_upload(run, iqm, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    iqm.post(f"{API}/api/v2/audience/matched/add", status_code=500)
    with pytest.raises(AirflowFailException):
        run(normalize=True, resume=False, scratch_dir=str(scratch))
    assert not list(scratch.iterdir())


def test_without_cleaning_the_file_is_uploaded_byte_for_byte(run, iqm):
    sent = []
    iqm.post(
        f"{API}/api/v2/audience/matched/add", text=lambda request, _: sent.append(b"".join(request.body)) or CREATED
    )
    _, push = run(LIST)
    assert LIST.encode() in sent[0]
    assert "report" not in {call.kwargs["key"] for call in push.call_args_list}


def test_other_formats_are_uploaded_as_plain_csv(run, iqm):
    sent = []
    iqm.post(f"{API}/api/v2/audience/matched/add", text=keep_in(sent))
    content = gzip.compress("email|name\nfrodo@shire.example|Zoë, Frodo\n".encode("cp1252"))
    _, push = run(content, "list.csv.gz", delimiter="|", encoding="cp1252")
    assert 'email,name\r\nfrodo@shire.example,"Zoë, Frodo"\r\n' in sent[0].decode()
    pushed = {call.kwargs["key"]: call.kwargs["value"] for call in push.call_args_list}
    assert pushed["file_name"] == "list.csv"
    assert pushed["records"] == 1


@pytest.mark.parametrize("options", [{}, {"column_settings": None, "hash_columns": {"email": "SHA256"}}])
def test_a_file_whose_name_is_not_utf8_is_uploaded(run, iqm, options):
    sent = []

    def take(request, _):
        sent.extend(bytes(piece) for piece in request.body)
        return {"statusCode": 200, "responseObject": {"id": 15332, "message": "ok"}}

    iqm.post(f"{API}/api/v2/audience/matched/add", json=take)
    _, push = run(name="J\udcf6rg.csv", **options)
    pushed = {call.kwargs["key"]: call.kwargs["value"] for call in push.call_args_list}
    assert pushed["file_name"] == "J\ufffdrg.csv"
    assert 'filename="J\ufffdrg-'.encode() in b"".join(sent)


def test_the_log_has_both_sizes_of_a_converted_file(run, iqm, caplog, capfd):
    caplog.set_level(logging.INFO)
    run()
    run(column_settings=None, hash_columns={"email": "SHA256"})
    # Airflow 3 logs to the standard output.
    log, size = caplog.text + capfd.readouterr().out, len(f"email,name,zip\n{ROW}\n")
    assert f"records: 1, bytes: {size}, matched by email" in log
    assert f"after cleaning and hashing ({size} before), matched by email" in log
