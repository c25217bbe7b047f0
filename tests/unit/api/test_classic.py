from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_iqm.api.answer import read_result
from airflow_provider_iqm.api.audience import NewAudience
from airflow_provider_iqm.api.classic import calls as classic
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.token_request import renewal
from airflow_provider_iqm.exceptions import IQMInvalidAnswerError

CREDENTIALS = Credentials(
    email="a+b@example.com",
    password='p"ä',
    client_id="id:ü",
    client_secret="s€cret",
    workspace_host="acme.iqm.com",
)
AUDIENCE = NewAudience(
    name="Ring bearers",
    columns={"mail": "Email"},
    settings={"Email": "SHA256"},
    key_fields=["Email"],
    single_column=True,
    file_name="ring.csv",
    media_type="text/csv",
    file_bytes=42,
    file_columns=["mail", "zip"],
    samples={"mail": ["a", "b"], "zip": ["zip-01", "zip-02"]},
    records=2,
)


def test_login_request_matches_the_documents():
    request = classic.login_call(CREDENTIALS).request
    assert (request.method, request.path) == ("POST", "/api/v3/ua/login")
    assert json.loads(request.body) == {"grantType": "password", "email": "a+b@example.com", "password": 'p"ä'}
    assert request.headers["X-IAA-HOST"] == "acme.iqm.com"
    scheme, value = request.headers["Authorization"].split()
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "id:ü:s€cret")


def test_no_secret_is_in_a_repr():
    for thing in (CREDENTIALS, classic.login_call(CREDENTIALS), renewal(CREDENTIALS, "refresh-me")):
        for secret in (CREDENTIALS.password, CREDENTIALS.client_secret, "refresh-me"):
            assert secret not in repr(thing)


def test_renewal_is_form_encoded():
    request = renewal(CREDENTIALS, "a&b").request
    assert request.path == "/api/v3/ua/oauth/token"
    assert request.body == b"grant_type=refresh_token&refresh_token=a%26b"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_both_formats_of_the_column_list():
    call = classic.column_list()
    posted = {"mandatoryColumns": [{"id": 2, "name": "First Name", "l2Name": "Voters_FirstName"}]}
    got = [{"id": 5, "label": "First Name", "key": "Voters_FirstName", "order": 6, "isSingleColumn": False}]
    assert call.read(posted) == [{"id": 2, "name": "Voters_FirstName", "label": "First Name"}]
    assert call.alternative.request.method == "GET"
    assert call.alternative.read(got) == [{"id": 5, "name": "Voters_FirstName", "label": "First Name"}]


def test_the_upload_form_matches_the_documents():
    form = classic.upload(AUDIENCE).request.body
    assert json.loads(form.fields["columns"]) == {"mail": "Email"}
    assert json.loads(form.fields["columnSettings"]) == {"Email": "SHA256"}
    assert form.fields["isSingleColumnEnabled"] == "true"
    assert form.fields["fileTotalCount"] == "2"
    assert form.fields["audienceName"] == "Ring bearers"
    assert json.loads(form.fields["metadata"]) == {
        "columns": ["mail", "zip"],
        "fileName": "ring.csv",
        "fileSize": 42,
        "columnValues": {"mail": ["a", "b"], "zip": ["zip-01", "zip-02"]},
        "rows": 2,
    }


def test_uploads_are_not_repeatable_and_have_no_values_in_their_repr():
    call = classic.upload(AUDIENCE)
    assert not call.request.repeatable
    assert "zip-01" not in repr(call)
    assert "zip-01" not in repr(AUDIENCE)


def test_details_omit_the_files_values():
    metadata = {"columns": ["a"], "fileName": "f.csv", "rows": 7, "columnValues": {"a": ["secret value"]}}
    data = {"id": 3, "audienceName": "n", "status": "ready", "matchRate": 57.88, "uniques": 5, "s3FileName": "1_f.csv"}
    audience = classic.details(3).read({**data, "metadata": json.dumps(metadata)})
    assert audience["status"] == "Ready"
    assert audience["records"] == 7
    assert audience["match_rate"] == 57.88
    assert audience["file_names"] == ["f.csv", "1_f.csv"]
    assert "secret value" not in str(audience)


@pytest.mark.parametrize("data", [None, [], {}])
def test_empty_details_do_not_mean_deleted(data):
    with pytest.raises(IQMInvalidAnswerError, match="not as documented"):
        read_result(classic.details(3), data)


@pytest.mark.parametrize(
    ("included", "excluded", "used"), [(0, 0, False), (1, 0, True), (0, "2", True), (None, 0, None), (0, [], None)]
)
def test_an_audience_is_in_use_unless_both_counts_are_zero(included, excluded, used):
    call = classic.is_in_use(3)
    data = {"id": 3, "included": included, "excluded": excluded}
    if used is None:
        with pytest.raises(IQMInvalidAnswerError):
            read_result(call, data)
    else:
        assert read_result(call, data) is used


@pytest.mark.parametrize("data", [{"included": 0}, {"excluded": 0}, {}])
def test_a_response_without_counts_does_not_mean_unused(data):
    with pytest.raises(IQMInvalidAnswerError, match="cluded' is missing"):
        read_result(classic.is_in_use(3), data)


def test_find_compares_the_whole_name_and_the_type():
    items = [
        {"id": 1, "audienceName": "List", "audienceTypeId": 1, "status": "approved"},
        {"id": 2, "audienceName": "List 2", "audienceTypeId": 1, "status": "approved"},
        {"id": 3, "audienceName": "List", "audienceTypeId": 5, "status": "approved"},
        {"id": 4, "audienceName": "list", "audienceTypeId": 1, "status": "approved"},
    ]
    found = classic.find("List").read(items)
    assert [(item["id"], item["status"]) for item in found] == [(1, "Ready")]


def test_deletions_return_deleted_and_failed_audiences():
    call = classic.delete([1, 2])
    assert json.loads(call.request.body) == {"audienceIds": "1,2"}
    answer = {"audienceSuccessfulIds": [1], "audienceFailedIds": "2"}
    assert call.read(answer) == {"deleted": [1], "failed": [2]}
