from __future__ import annotations

import pytest

TOKEN = "/api/v3/ua/oauth/token"


@pytest.fixture
def ask(account):
    def post(*, workspace: str | None = "app.iqm.com", **changes):
        settings = account.sandbox.settings
        form = {"grant_type": "password", "username": settings.email, "password": settings.password} | changes
        return account.session.post(
            account.sandbox.url + TOKEN,
            data={name: value for name, value in form.items() if value is not None},
            auth=(settings.client_id, settings.client_secret),
            headers={"X-IAA-HOST": workspace} if workspace else {},
        )

    return post


def test_v3_tokens_work_for_classic_calls(ask, account) -> None:
    answer = ask()
    data = answer.json()["data"]
    assert data.keys() == {"access_token", "refresh_token", "scope", "token_type", "expires_in", "owId"}
    headers = {"Authorization": f"Bearer {data['access_token']}", "X-IAA-OW-ID": str(data["owId"])}
    for path in ("/api/v2/audience/status", "/api/v3/audience/static/audience-status"):
        assert account.call("GET", path, headers=headers).status_code == 200
    renewed = ask(grant_type="refresh_token", refresh_token=data["refresh_token"], workspace=None)
    assert renewed.json()["data"].keys() == data.keys() - {"owId"}


def test_a_login_may_omit_the_workspace_id(ask, account, sandbox) -> None:
    sandbox.change_settings(login_ow_id=False)
    assert "owId" not in ask().json()["data"]
    assert "owId" not in account.log_in().json()["data"]


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"username": None}, 400, "username is required"),
        ({"password": ""}, 400, "password is required"),
        ({"workspace": None}, 400, "X-IAA-HOST is required"),
        ({"grant_type": "client_credentials"}, 400, "grant_type must be"),
        ({"username": "x@example.com"}, 403, "User doesn't exist"),
        ({"password": "x"}, 403, "User doesn't exist"),
        ({"workspace": "other.iqm.com"}, 403, "User doesn't exist"),
    ],
)
def test_requirements_of_a_login(ask, changes: dict, status: int, message: str) -> None:
    answer = ask(**changes)
    assert answer.status_code == status
    assert message in answer.json()["errorObjects"][0]["error"]


def test_an_account_on_hold(ask, sandbox) -> None:
    sandbox.change_settings(on_hold=True)
    assert (ask().status_code, ask().json()["data"]["status"]) == (400, "On Hold")
