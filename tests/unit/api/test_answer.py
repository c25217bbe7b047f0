from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    IQMAccountOnHoldError,
    IQMApiError,
    IQMAuthenticationError,
    IQMFinalError,
    IQMInvalidAnswerError,
    IQMRateLimitError,
    IQMRequestError,
    IQMServerError,
)

READ = Request(purpose="read audience 17", method="GET", path="/x", names_audience=True)
UPLOAD = Request(purpose="upload", method="POST", path="/x", repeatable=False)
LOG_IN = Request(purpose="log in", method="POST", path="/x", authenticates=True)
ON_HOLD = {
    "success": False,
    "data": {"status": "On Hold", "reason": "Missed payments.", "supportEmail": "support@iqm.com"},
    "errorObjects": [{"error": "User is not allowed to access provided customer", "reason": "No organization."}],
}


def read(status, body, request=READ, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_envelope(Answer(status, CaseInsensitiveDict(headers), content), request)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({"success": True, "data": {"a": 1}}, {"a": 1}),
        ({"statusCode": 200, "responseObject": [1]}, [1]),
        ({"access_token": "x"}, {"access_token": "x"}),
        ([1, 2], [1, 2]),
    ],
)
def test_data_of_both_envelopes_and_without_one(body, data):
    assert read(200, body) == data


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, {"success": False, "errorObjects": [{"error": "No", "field": "name"}]}, IQMRequestError, "name: No"),
        (200, {"statusCode": 400, "responseObject": {"errorMsg": "Name null"}}, IQMRequestError, "Name null"),
        (200, {"statusCode": 500, "responseObject": {"errorMsg": "Oops"}}, IQMServerError, "Oops"),
        (200, {"statusCode": 429, "responseObject": {}}, IQMRateLimitError, "429"),
        (400, {"error": "invalid", "error_description": "wrong thing"}, IQMRequestError, "wrong thing"),
        (404, {"statusCode": 404, "responseObject": {"errorMsg": "gone"}}, AudienceNotFoundError, "audience 17"),
        (408, b"", IQMServerError, "an empty body"),
        (413, b"<html>too large</html>", IQMRequestError, "too large for IQM"),
        (422, {"success": False, "errorObjects": [{"error": "E", "reason": "R"}]}, IQMRequestError, "E. R."),
        (429, b"", IQMRateLimitError, "rate limit"),
        (502, b"<html><body>Bad Gateway</body></html>", IQMServerError, "an HTML page"),
        (301, b"", IQMRequestError, "Redirects aren't followed"),
        (401, {"success": False}, IQMAuthenticationError, "workspace host and ow_id"),
    ],
)
def test_errors_have_a_class_a_status_and_iqms_message(status, body, error, words):
    with pytest.raises(error, match=words) as raised:
        read(status, body)
    assert raised.value.status >= 300
    assert "read audience 17" in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Not Found</html>",
        {},
        [],
        {"message": "no Route matched with those values"},
        {"statusCode": 404, "error": "Not Found", "message": "Cannot GET /x"},
        {"success": False, "errors": []},
    ],
)
@pytest.mark.parametrize("status", [404, 422])
def test_a_proxys_404_is_not_iqms(body, status):
    with pytest.raises(IQMApiError) as raised:
        read(status, body)
    assert not raised.value.from_iqm
    assert not isinstance(raised.value, AudienceNotFoundError)
    assert isinstance(raised.value, IQMFinalError) == (status == 422)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"statusCode": 404, "responseObject": {"errorMsg": "Audience not found."}}),
        (404, {"success": False, "error": {"message": "Not found."}}),
        (422, {"success": False, "errorObjects": [{"error": "No active audience found with the given Id."}]}),
    ],
)
def test_iqm_s_messages_are_quoted(status, body):
    with pytest.raises(AudienceNotFoundError) as raised:
        read(status, body)
    assert raised.value.from_iqm


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"success": true, "da'])
def test_http_200_without_json_is_an_invalid_answer(body):
    with pytest.raises(IQMInvalidAnswerError, match="isn't JSON") as raised:
        read(200, body)
    assert not isinstance(raised.value, IQMFinalError)


@pytest.mark.parametrize("status", [200, 400])
def test_account_on_hold_shows_reason_and_support(status):
    with pytest.raises(IQMAccountOnHoldError) as raised:
        read(status, ON_HOLD, LOG_IN)
    for words in ("On Hold", "Missed payments.", "support@iqm.com"):
        assert words in str(raised.value)
    assert isinstance(raised.value, IQMFinalError)


@pytest.mark.parametrize(("status", "culprit"), [(400, "password"), (401, "client ID"), (403, "email"), (404, "host")])
def test_a_failed_login_names_the_fields_to_check(status, culprit):
    with pytest.raises(IQMAuthenticationError, match=culprit):
        read(status, {"success": False, "errorObjects": [{"error": "No."}]}, LOG_IN)


@pytest.mark.parametrize(
    ("status", "body", "named", "unnamed"),
    [
        (401, {"error": "invalid_client", "error_description": "No."}, "client ID and client secret", "password"),
        (400, {"error": "invalid_client"}, "client ID and client secret", "password"),
        (401, {"success": False, "errorObjects": [{"error": "Unknown client."}]}, "client ID", "password"),
        (401, b"", "client ID and client secret", "password"),
        (400, {"error": "invalid_grant", "error_description": "No."}, "email and password", "workspace"),
        (401, {"error": "invalid_grant"}, "email and password", "client"),
        (401, {"success": False, "errorObjects": [{"error": "Bad credentials"}]}, "email and password", "client"),
        (403, {"success": False, "errorObjects": [{"error": "Wrong password."}]}, "email and password", "workspace"),
        (400, {"error": {"message": "Wrong client secret."}}, "client ID and client secret", "password"),
        (403, {"success": False, "errorObjects": [{"error": "No."}]}, '"app.iqm.com"', "client"),
        (403, {"error": {"message": "User or password unknown in workspace client.x."}}, '"app.iqm.com"', "secret"),
    ],
)
def test_login_advice_is_as_specific_as_the_response(status, body, named, unnamed):
    request = LOG_IN.with_headers({"X-IAA-HOST": "app.iqm.com"})
    with pytest.raises(IQMAuthenticationError) as raised:
        read(status, body, request)
    assert named in str(raised.value)
    assert unnamed not in str(raised.value)


def test_a_workspace_rejected_after_the_login_is_named():
    with pytest.raises(IQMRequestError, match=r"workspace 7\. Check the connection's organization workspace ID"):
        read(403, {"success": False, "errorObjects": [{"error": "No."}]}, READ.with_headers({"X-IAA-OW-ID": "7"}))


def test_the_outcome_of_an_upload_with_a_server_error_is_unknown():
    with pytest.raises(IQMServerError, match="IQM may have processed it anyway"):
        read(504, b"<html></html>", UPLOAD)


def test_retry_after_is_read_as_seconds_and_as_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
    values = {"7": 7.0, "1.5": 1.5, past: 0.0, "soon": None, "-3": 0.0}
    for value, seconds in values.items():
        with pytest.raises(IQMApiError) as raised:
            read(429, b"", **{"retry-after": value})
        assert raised.value.retry_after == seconds
    with pytest.raises(IQMApiError) as raised:
        read(503, b"", **{"Retry-After": soon})
    assert raised.value.retry_after == pytest.approx(30, abs=2)


def test_iqms_messages_are_truncated():
    with pytest.raises(IQMRequestError) as raised:
        read(400, {"statusCode": 400, "responseObject": {"errorMsg": "x" * 10_000}})
    assert len(str(raised.value)) < 1_000
