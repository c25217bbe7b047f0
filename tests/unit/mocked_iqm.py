"""IQM's classic API mocked by requests-mock, and the sync hook that calls it."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.hooks.iqm import IQMHook

API = "https://api.iqm.com"
LOG_IN = f"{API}/api/v3/ua/login"
RENEW = f"{API}/api/v3/ua/oauth/token"
UPLOAD = f"{API}/api/v2/audience/matched/add"
COLUMNS = f"{API}/api/v3/audience/static/matched/column-list"
DETAILS = {"statusCode": 200, "responseObject": {"id": 7, "audienceName": "List", "status": "Ready", "matchRate": 50}}


def token(access="access-1", refresh="refresh-1", expires_in=35999, **more):
    return {"access_token": access, "refresh_token": refresh, "expires_in": expires_in, "token_type": "bearer", **more}


@pytest.fixture
def hook(iqm_connection):
    return IQMHook()


@pytest.fixture
def iqm(requests_mock):
    requests_mock.post(LOG_IN, json={"success": True, "data": token(owId=200001)})
    requests_mock.get(f"{API}/api/v2/audience/matched/7", json=DETAILS)
    return requests_mock


@pytest.fixture
def audience_file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email,zip\nfrodo@shire.example,01234\nsam@shire.example,01235\n")
    return path


def paths(mock):
    return [request.path for request in mock.request_history]


def upload(hook, path, name="List"):
    return hook.upload_matched_audience(
        file_path=path, audience_name=name, columns={"email": "Email"}, column_settings={"Email": "Raw"}
    )


def prepared(path):
    return prepare_upload(
        file_path=path, audience_name="List", columns={"email": "Email"}, column_settings={"Email": "Raw"}
    )
