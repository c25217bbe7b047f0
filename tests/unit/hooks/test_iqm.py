from __future__ import annotations

import base64
import json
import logging
from unittest.mock import MagicMock

import pyarrow
import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import (
    AudienceFileError,
    AudienceNameError,
    AudienceNotFoundError,
    IQMAccountOnHoldError,
    IQMAuthenticationError,
    IQMConnectionError,
    IQMFinalError,
    IQMTransportError,
)
from airflow_provider_iqm.hooks.iqm import IQMHook
from tests.unit.mocked_iqm import API, COLUMNS, DETAILS, LOG_IN, RENEW, UPLOAD, paths, token, upload


def test_all_calls_share_a_login(hook, iqm):
    for _ in range(3):
        hook.get_matched_audience(7)
    first, *others = iqm.request_history
    assert first.path == "/api/v3/ua/login"
    assert len(others) == 3
    basic = base64.b64decode(first.headers["Authorization"].removeprefix("Basic ")).decode()
    assert basic == "client:s3cret-of-the-client"
    assert first.headers["X-IAA-HOST"] == "app.iqm.com"
    assert first.json() == {"grantType": "password", "email": "ops@example.com", "password": "pässwörd:/ 1"}
    for request in others:
        assert request.headers["Authorization"] == "Bearer access-1"
        assert request.headers["X-IAA-OW-ID"] == "200001"


def test_extras_and_netrc_never_become_headers(hook, iqm, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.iqm.com login netrc-user password netrc-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hook.get_matched_audience(7)
    for request in iqm.request_history:
        assert "s3cret-of-the-client" not in str(request.headers)
        assert base64.b64encode(b"netrc-user").decode()[:12] not in str(request.headers)
    assert iqm.last_request.headers["Authorization"] == "Bearer access-1"


def test_the_connections_ow_id_takes_precedence(iqm_connection, iqm):
    iqm_connection(ow_id="42")
    IQMHook().get_matched_audience(7)
    assert iqm.last_request.headers["X-IAA-OW-ID"] == "42"


def test_the_token_is_renewed_before_it_expires(hook, iqm):
    now = [1000.0]
    iqm.post(RENEW, json=token("access-2", "refresh-2"))
    hook._iqm.login._clock = lambda: now[0]
    hook.get_matched_audience(7)
    now[0] += 35999 - 400
    hook.get_matched_audience(7)
    assert iqm.last_request.headers["Authorization"] == "Bearer access-1"
    now[0] += 200
    hook.get_matched_audience(7)
    assert iqm.last_request.headers["Authorization"] == "Bearer access-2"
    assert iqm.last_request.headers["X-IAA-OW-ID"] == "200001"
    renewal = next(request for request in iqm.request_history if request.path == "/api/v3/ua/oauth/token")
    assert renewal.text == "grant_type=refresh_token&refresh_token=refresh-1"
    assert renewal.headers["Authorization"].startswith("Basic ")


def test_a_401_renews_once(hook, iqm):
    unauthorized = {"status_code": 401, "json": {"error": "invalid_token"}}
    iqm.get(f"{API}/api/v2/audience/matched/7", [unauthorized, {"json": DETAILS}])
    iqm.post(RENEW, json={"success": True, "data": token("access-2")})
    assert hook.get_matched_audience(7)["status"] == "Ready"
    assert iqm.last_request.headers["Authorization"] == "Bearer access-2"


def test_a_refused_renewal_logs_in_again(hook, iqm):
    unauthorized = {"status_code": 401, "json": {"error": "invalid_token"}}
    iqm.get(f"{API}/api/v2/audience/matched/7", [unauthorized, {"json": DETAILS}])
    iqm.post(RENEW, status_code=400, json={"error": "invalid_grant"})
    hook.get_matched_audience(7)
    assert paths(iqm).count("/api/v3/ua/login") == 2


def test_a_second_401_is_an_error(hook, iqm):
    iqm.get(f"{API}/api/v2/audience/matched/7", status_code=401, json={"error": "invalid_token"})
    iqm.post(RENEW, json=token("access-2"))
    with pytest.raises(IQMAuthenticationError):
        hook.get_matched_audience(7)
    assert paths(iqm).count("/api/v2/audience/matched/7") == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": "unauthorized"}, IQMAuthenticationError),
        (403, {"success": False, "errorObjects": [{"error": "User doesn't exist."}]}, IQMAuthenticationError),
        (400, {"success": False, "data": {"status": "On Hold", "reason": "r"}}, IQMAccountOnHoldError),
    ],
)
def test_a_failed_login_is_not_retried_by_airflow(hook, requests_mock, status, body, error):
    requests_mock.post(LOG_IN, status_code=status, json=body)
    with pytest.raises(error) as raised:
        hook.get_matched_audience(7)
    assert isinstance(raised.value, AirflowFailException)
    assert raised.value.status == status
    assert requests_mock.call_count == 1


def test_missing_fields_are_not_retried_by_airflow(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_IQM_DEFAULT", json.dumps({"conn_type": "iqm"}))
    with pytest.raises(IQMConnectionError) as raised:
        IQMHook().get_column_list()
    assert isinstance(raised.value, AirflowFailException)


def test_an_unknown_audience(hook, iqm):
    gone = {"statusCode": 404, "responseObject": {"errorMsg": "Audience not found."}}
    iqm.get(f"{API}/api/v2/audience/matched/7", status_code=404, json=gone)
    with pytest.raises(AudienceNotFoundError, match="audience 7"):
        hook.get_matched_audience(7)


def test_the_column_list_falls_back_to_get(hook, iqm):
    iqm.post(COLUMNS, status_code=405)
    iqm.get(COLUMNS, json={"success": True, "data": [{"id": 2, "label": "Email", "key": "Email"}]})
    assert hook.get_column_list() == [{"id": 2, "name": "Email", "label": "Email"}]


def test_an_invalid_file_sends_no_request(hook, iqm, tmp_path):
    with pytest.raises(AudienceFileError) as raised:
        upload(hook, tmp_path / "none.csv")
    assert isinstance(raised.value, AirflowFailException)
    assert iqm.call_count == 0


def test_each_kind_of_damage_is_a_line_without_values(hook, iqm, tmp_path, monkeypatch):
    log = MagicMock()
    monkeypatch.setattr(IQMHook, "log", log)
    iqm.post(UPLOAD, json={"statusCode": 200, "responseObject": {"id": 7, "message": "ok"}})
    path = tmp_path / "list.csv"
    path.write_text("id,name\n4.41E+11,ZoÃ«\n4.42E+11,Frodo\n1,JosÃ©\n1-Feb,\n")
    options = {"audience_name": "List", "columns": {"id": "Voter ID"}, "column_settings": {"Voters_ID": "Other"}}
    hook.upload_matched_audience(file_path=path, **options)
    warnings = [call.args[0] % call.args[1:] for call in log.warning.call_args_list]
    assert [warning.partition(",")[0].partition(":")[0] for warning in warnings] == [
        "list.csv has 2 values in column 'id' in scientific notation (such as 4.41E+11)",
        "list.csv has 1 value with a date in column 'id'",
        "list.csv has 2 places with text that was decoded in the wrong encoding (such as Ã© for é",
    ]
    logged = str(log.mock_calls)
    assert not any(value in logged for value in ("4.42", "Feb", "Zo", "Jos"))


@pytest.mark.parametrize("make", [lambda table: table, pyarrow.Table.to_pandas])
def test_a_dataframe_is_sent_as_csv_and_the_file_is_deleted(hook, iqm, tmp_path, make):
    sent = []

    def keep(request, _):
        sent.append(b"".join(request.body).decode())
        return json.dumps({"statusCode": 200, "responseObject": {"id": 7, "message": "ok"}})

    iqm.post(UPLOAD, text=keep)
    frame = make(pyarrow.table({"email;x": [" Frodo@shire.example", None], "zip": ["01234", None], "n": [15332, None]}))
    options = {
        "audience_name": "List",
        "columns": {"email;x": "Email"},
        "column_settings": {"Email": "Raw"},
        "scratch_dir": tmp_path,
    }
    assert hook.upload_dataframe(frame, **options) == 7
    assert "email;x,zip,n\r\n Frodo@shire.example,01234,15332\r\n,,\r\n" in sent[0]
    assert hook.upload_dataframe(frame, normalize=True, max_invalid_ratio=0.5, **options) == 7
    assert "email;x,zip,n\nfrodo@shire.example,01234,15332\n" in sent[1]
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_dataframe_sends_no_request_and_is_not_retried_by_airflow(hook, iqm, tmp_path):
    frame = pyarrow.table({"email": [b"x"]})
    with pytest.raises(AirflowFailException, match="the column 'email' holds values of type bytes"):
        hook.upload_dataframe(
            frame, audience_name="x", columns={"email": "Email"}, column_settings={"Email": "Raw"}, scratch_dir=tmp_path
        )
    assert iqm.call_count == 0
    assert list(tmp_path.iterdir()) == []


def test_find_and_delete(hook, iqm):
    listed = [{"id": 1, "audienceName": "A&B", "audienceTypeId": 1, "status": "approved"}]
    iqm.get(f"{API}/api/v2/audience/list", json={"statusCode": 200, "responseObject": listed})
    assert [item["id"] for item in hook.find_matched_audiences("A&B")] == [1]
    assert iqm.last_request.qs["searchfield"] == ["a&b"]
    answer = {"audienceSuccessfulIds": [1], "audienceFailedIds": [2]}
    iqm.put(f"{API}/api/v2/audience/delete", json={"statusCode": 200, "responseObject": answer})
    assert hook.delete_audiences([1, 2]) == {"deleted": [1], "failed": [2]}
    assert hook.delete_audiences([]) == {"deleted": [], "failed": []}


@pytest.mark.parametrize(
    "call",
    [
        lambda hook: hook.find_matched_audiences("\udce9"),
        lambda hook: hook.search_matched_audiences("\udce9"),
        lambda hook: hook.rename_audience(1, "\udce9"),
    ],
)
def test_a_name_with_invalid_unicode_sends_no_request(hook, iqm, call):
    with pytest.raises(AudienceNameError, match=r"The audience name '\\udce9' isn't valid Unicode"):
        call(hook)
    assert iqm.call_count == 0


def test_test_connection_logs_in_and_reports_problems(hook, requests_mock, waits):
    requests_mock.post(LOG_IN, json={"success": True, "data": token(owId=200001)})
    assert hook.test_connection() == (True, "Logged in to workspace 200001 at app.iqm.com.")
    requests_mock.post(LOG_IN, status_code=403, json={"success": False, "errorObjects": [{"error": "No user."}]})
    ok, message = hook.test_connection()
    assert not ok
    assert "No user." in message
    requests_mock.post(LOG_IN, exc=requests.exceptions.ConnectTimeout)
    ok, message = hook.test_connection()
    assert not ok
    assert "no connection within 10 s" in message


def test_test_connection_tries_a_workspace_id_of_the_connection(hook, requests_mock, iqm_connection):
    iqm_connection(ow_id="7")
    requests_mock.post(LOG_IN, json={"success": True, "data": token(owId=200001)})
    formats = f"{API}/api/v3/audience/static/matched/data-format"
    requests_mock.get(formats, json={"success": True, "data": []})
    assert hook.test_connection() == (True, "Logged in to workspace 7 at app.iqm.com.")
    requests_mock.get(formats, status_code=403, json={"success": False, "errorObjects": [{"error": "No."}]})
    works, message = hook.test_connection()
    assert not works
    assert "organization workspace ID" in message


def test_run_calls_any_endpoint(hook, iqm):
    iqm.post(f"{API}/api/v3/other", json={"success": True, "data": {"x": 1}})
    assert hook.run("api/v3/other", json={"a": 1}) == {"x": 1}
    assert iqm.last_request.json() == {"a": 1}
    assert iqm.last_request.headers["Authorization"] == "Bearer access-1"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("GET", {"data": {"a": ["1", "2"]}}),
        ("GET", {"data": "a=1&a=2"}),
        ("GET", {"params": {"a": ["1", "2"]}}),
        ("POST", {"params": {"a": ["1", "2"]}, "json": {}}),
    ],
)
def test_run_sends_query_parameters_in_any_form(hook, iqm, method, arguments):
    iqm.register_uri(method, f"{API}/api/v3/other", json={"success": True, "data": 5})
    hook.method = method
    assert hook.run("api/v3/other", **arguments) == 5
    assert iqm.last_request.qs == {"a": ["1", "2"]}


@pytest.mark.parametrize(
    "arguments", [{"extra_options": {"timeout": 5}}, {"auth": ("me", "secret")}, {"cookies": {}}, {"timeout": 5}]
)
def test_run_rejects_unsupported_arguments_before_any_request(hook, iqm, arguments):
    with pytest.raises(IQMFinalError, match=rf"^IQMHook.run doesn't support {next(iter(arguments))}\.") as raised:
        hook.run("api/v3/other", **arguments)
    assert isinstance(raised.value, AirflowFailException)
    assert "secret" not in str(raised.value)
    assert not iqm.called


def test_logs_and_errors_have_no_secrets(hook, iqm, waits, caplog):
    caplog.set_level(logging.DEBUG)
    iqm.get(f"{API}/api/v2/audience/matched/7", exc=requests.exceptions.ConnectionError("lost"))
    with pytest.raises(IQMTransportError) as raised:
        hook.get_matched_audience(7)
    for secret in ("access-1", "refresh-1", "s3cret-of-the-client", "pässwörd:/ 1"):
        assert secret not in caplog.text
        assert secret not in str(raised.value)


def test_secrets_are_given_to_the_masker(hook, iqm, monkeypatch):
    masked = []
    monkeypatch.setattr("airflow_provider_iqm.runtime.masking.mask_secret", masked.append)
    hook.get_matched_audience(7)
    assert {"access-1", "refresh-1", "s3cret-of-the-client", "pässwörd:/ 1"} <= set(masked)
