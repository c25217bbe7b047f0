from __future__ import annotations

import base64

import pytest

from airflow_provider_iqm.sandbox.settings import SandboxSettings

RENEW = "/api/v3/ua/oauth/token"
COLUMNS = "/api/v3/audience/static/matched/column-list"


def renew(account, refresh_token: str, **options):
    settings = account.sandbox.settings
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    options = {"data": form, "auth": (settings.client_id, settings.client_secret)} | options
    return account.session.post(account.sandbox.url + RENEW, **options)


def test_the_response_to_a_login_matches_the_sample(account) -> None:
    answer = account.log_in()
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    data = answer.json()["data"]
    assert data.keys() == {"access_token", "refresh_token", "scope", "token_type", "expires_in", "owId"}
    assert (data["scope"], data["token_type"], data["expires_in"]) == ("read write", "bearer", 35999)
    assert account.log_in().json()["data"]["access_token"] != data["access_token"]


@pytest.mark.parametrize("wrong", [{"email": "x@y.z"}, {"password": "x"}, {"workspace": "other.iqm.com"}])
def test_unknown_users_and_workspaces_are_rejected_as_documented(account, wrong) -> None:
    answer = account.log_in(**wrong)
    assert answer.status_code == 403
    assert answer.json() == {
        "success": False,
        "errorObjects": [{"error": "User doesn't exist or user is not allowed to provided workspace."}],
    }


def test_an_account_on_hold_is_rejected_as_documented(account, sandbox) -> None:
    sandbox.change_settings(on_hold=True)
    answer = account.log_in()
    assert answer.status_code == 400
    assert answer.json()["data"].keys() == {"status", "reason", "supportEmail"}
    assert answer.json()["data"]["status"] == "On Hold"
    assert answer.json()["errorObjects"][0].keys() == {"error", "reason"}


@pytest.mark.parametrize(
    ("wrong", "status", "message"),
    [
        ({"client": ("sandbox-client", "x")}, 401, "wrong client secret"),
        ({"client": ("x", "sandbox-secret")}, 401, "Unknown client id"),
        ({"workspace": None}, 400, "X-IAA-HOST"),
        ({"grantType": None}, 400, "grantType is required"),
        ({"grantType": "refresh_token"}, 400, "grantType must be password"),
        ({"email": None}, 400, "email is required"),
        ({"password": 5}, 400, "password is required"),
    ],
)
def test_requirements_of_a_login(account, wrong, status: int, message: str) -> None:
    answer = account.log_in(**wrong)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert message in answer.json()["errorObjects"][0]["error"]


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic ä", "Basic %%%", "Basic " + "x" * 5])
def test_a_login_requires_well_formed_basic_authentication(account, sandbox, header) -> None:
    headers = {"X-IAA-HOST": "app.iqm.com"} | ({"Authorization": header.encode()} if header else {})
    body = {"grantType": "password", "email": "demo@example.com", "password": "sandbox-password"}
    answer = account.session.post(f"{sandbox.url}/api/v3/ua/login", json=body, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        (b"{", "application/json", "not well-formed"),
        (b"[]", "application/json", "must be a JSON object"),
        (b"{}", "text/plain", "must be application/json"),
        (b" " * 70_000, "application/json", "larger"),
    ],
)
def test_a_login_requires_a_json_body(account, sandbox, body: bytes, media_type: str, message: str) -> None:
    answer = account.session.post(
        f"{sandbox.url}/api/v3/ua/login",
        data=body,
        auth=("sandbox-client", "sandbox-secret"),
        headers={"X-IAA-HOST": "app.iqm.com", "Content-Type": media_type},
    )
    assert answer.status_code == 400
    assert message in answer.json()["errorObjects"][0]["error"]


def test_secrets_can_contain_any_character(account, sandbox) -> None:
    sandbox.change_settings(client_id="ä%20", client_secret="a:b c+ü", password='"\\\u2028')
    basic = base64.b64encode("ä%20:a:b c+ü".encode()).decode()
    body = {"grantType": "password", "email": "demo@example.com", "password": '"\\\u2028'}
    headers = {"X-IAA-HOST": "app.iqm.com", "Authorization": f"Basic {basic}"}
    assert account.session.post(f"{sandbox.url}/api/v3/ua/login", json=body, headers=headers).status_code == 200


def test_a_refresh_token_works_once_and_the_old_access_token_stays_valid(account) -> None:
    first = account.log_in().json()["data"]
    answer = renew(account, first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()["data"]
    assert second.keys() == {"access_token", "refresh_token", "scope", "token_type", "expires_in"}
    assert renew(account, first["refresh_token"]).status_code == 401
    assert renew(account, second["refresh_token"]).status_code == 200
    for tokens in (first, second):
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert account.call("POST", COLUMNS, headers=bearer).status_code == 200


def test_renewed_tokens_can_have_no_envelope(account, sandbox) -> None:
    sandbox.change_settings(wrap_renewed_token=False)
    assert "access_token" in renew(account, account.log_in().json()["data"]["refresh_token"]).json()


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"auth": ("x", "y")}, 401),
        ({"data": {"grant_type": "password", "refresh_token": "x"}}, 400),
        ({"data": {"grant_type": "refresh_token"}}, 400),
        ({"data": "a=1&a=2", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"data": "&&&", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"data": None, "json": {"grant_type": "refresh_token", "refresh_token": "x"}}, 400),
        ({}, 401),
    ],
)
def test_requirements_of_a_renewal(account, options, status: int) -> None:
    assert renew(account, "unknown", **options).status_code == status


def test_tokens_expire(account, sandbox) -> None:
    sandbox.change_settings(token_seconds=60)
    assert account.call("POST", COLUMNS).status_code == 200
    sandbox.advance(59)
    assert account.call("POST", COLUMNS).status_code == 200
    sandbox.advance(2)
    answer = account.call("POST", COLUMNS)
    assert answer.status_code == 401
    assert answer.json()["responseObject"] == {
        "errorMsg": "The access token is unknown or has expired.",
        "errorCode": 401,
    }


@pytest.mark.parametrize("refresh_too", [False, True])
def test_tokens_can_be_expired(account, sandbox, refresh_too: bool) -> None:
    tokens = account.log_in().json()["data"]
    assert account.call("POST", COLUMNS).status_code == 200
    sandbox.expire_tokens(refresh_too=refresh_too)
    assert account.call("POST", COLUMNS).status_code == 401
    assert renew(account, tokens["refresh_token"]).status_code == (401 if refresh_too else 200)


def test_logout_ends_the_session(account) -> None:
    tokens = account.log_in().json()["data"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert account.call("POST", "/api/v3/ua/logout", headers=bearer).json()["success"] is True
    assert account.call("POST", COLUMNS, headers=bearer).status_code == 401
    assert renew(account, tokens["refresh_token"]).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Authorization": None}, 401, "scheme Bearer is required"),
        ({"Authorization": "Basic eDp5"}, 401, "scheme Bearer is required"),
        ({"Authorization": "Bearer "}, 401, "unknown"),
        ({"X-IAA-OW-ID": None}, 400, "X-IAA-OW-ID is required"),
        ({"X-IAA-OW-ID": "7"}, 403, "not the workspace"),
    ],
)
def test_requirements_of_calls_after_the_login(account, headers, status: int, message: str) -> None:
    answer = account.call("GET", "/api/v2/audience/matched/1", headers=headers)
    assert answer.status_code == status
    assert answer.json()["statusCode"] == status
    assert message in answer.json()["responseObject"]["errorMsg"]


def test_unknown_settings_are_rejected() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        SandboxSettings(requests_a_minute=3)
    with pytest.raises(ValueError, match="Can't be changed"):
        SandboxSettings().changed({"port": 1})
