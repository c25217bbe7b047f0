from __future__ import annotations

import hashlib

import pytest

STATUSES = "/api/v2/audience/status"


@pytest.fixture
def admin(account, sandbox):
    def call(method: str, path: str, **options):
        return account.session.request(method, f"{sandbox.url}/_sandbox{path}", **options)

    return call


def test_settings_are_read_and_changed(account, admin) -> None:
    assert admin("GET", "/settings").json()["rate_limit_window"] == 60
    answer = admin("PATCH", "/settings", json={"processing_seconds": 0, "pending_seconds": 0})
    assert (answer.status_code, answer.json()["pending_seconds"]) == (200, 0)
    assert account.details(account.new_id())["status"] == "Ready"


@pytest.mark.parametrize("wrong", [{"x": 1}, {"requests_per_minute": 0}, {"port": 3}, {"keep_files": "x"}])
def test_invalid_settings_are_rejected(admin, wrong: dict) -> None:
    before = admin("GET", "/settings").json()
    assert admin("PATCH", "/settings", json=wrong).status_code == 422
    assert admin("GET", "/settings").json() == before


def test_request_records_have_no_secrets(account, sandbox, admin) -> None:
    account.call("GET", "/api/v2/audience/list", params={"searchField": "x"})
    records = admin("GET", "/requests")
    log_in, listing = records.json()
    assert (log_in["authorization"], listing["authorization"]) == ("Basic", "Bearer")
    assert (listing["query"], listing["status"], listing["fault"]) == ("searchField=x", 200, None)
    assert "x-iaa-ow-id" in listing["header_names"]
    assert log_in["client_port"] == listing["client_port"]
    assert log_in["monotonic"] < listing["monotonic"]
    token = account.headers["Authorization"].split()[1]
    for secret in (token, sandbox.settings.password, sandbox.settings.client_secret):
        assert secret not in records.text
    assert admin("DELETE", "/requests").status_code == 204
    assert sandbox.requests == []


def test_faults_can_be_added_listed_and_removed(account, admin) -> None:
    account.call("GET", STATUSES)
    answer = admin("POST", "/faults", json={"kind": "status", "path": STATUSES, "status": 418, "times": 2})
    assert answer.status_code == 201
    assert account.call("GET", STATUSES).status_code == 418
    assert [fault["times"] for fault in admin("GET", "/faults").json()] == [1]
    assert admin("DELETE", "/faults").status_code == 204
    assert account.call("GET", STATUSES).status_code == 200


@pytest.mark.parametrize("wrong", [{}, {"kind": "x"}, {"kind": "hang", "time": 3}, {"kind": "hang", "times": 0}])
def test_invalid_faults_are_rejected(admin, wrong: dict) -> None:
    assert admin("POST", "/faults", json=wrong).status_code == 422
    assert admin("GET", "/faults").json() == []


def test_audience_reports(account, admin) -> None:
    content = b"email,zip\nann@example.com,01234\n"
    audience_id = account.new_id(content=content)
    (audience,) = admin("GET", "/audiences").json()
    assert audience["id"] == audience_id
    assert audience["sha256"] == hashlib.sha256(content).hexdigest()
    assert (audience["size"], audience["records"], audience["file_name"]) == (len(content), 1, "people.csv")
    assert audience["columns"] == {"email": "Email"}
    assert audience["metadata"]["columnValues"]["zip"] == ["01234"]


def test_audiences_can_be_created_without_an_upload(account, admin) -> None:
    first, second = admin("POST", "/audiences", json={"name": "List", "count": 2}).json()
    assert [(row["id"], row["audienceName"]) for row in account.listed()] == [(second, "List 2"), (first, "List 1")]
    assert account.details(first)["status"] == "Processing"
    assert admin("POST", "/audiences", json={"count": 0}).status_code == 422


@pytest.mark.parametrize("status", ["Fetching Data", "Rejected", "Something New"])
def test_the_admin_api_sets_a_status(account, admin, status: str) -> None:
    audience_id = account.new_id()
    change = {"status": status, "reason": "Because.", "match_rate": 12.5, "attached": True}
    assert admin("PATCH", f"/audiences/{audience_id}", json=change).json()["status"] == status
    details = account.details(audience_id)
    assert (details["status"], details["matchRate"]) == (status, 12.5)
    assert details.get("rejectionReason") == ("Because." if status == "Rejected" else None)
    row = account.listed()[0]
    assert (row["status"], row["statusDisplayName"]) == (status.lower(), status)
    deletion = account.call("PUT", "/api/v2/audience/delete", json={"audienceIds": str(audience_id)})
    assert deletion.json()["responseObject"]["audienceFailedIds"] == [audience_id]
    admin("PATCH", f"/audiences/{audience_id}", json={"status": None})
    assert account.details(audience_id)["status"] == "Processing"


def test_invalid_changes_are_rejected(account, admin) -> None:
    audience_id = account.new_id()
    assert admin("PATCH", "/audiences/1", json={"attached": True}).status_code == 404
    for wrong in ({"outcome": None}, {"attached": None}, {"outcome": "Pending"}, {"match_rate": 101}, {"x": 1}):
        assert admin("PATCH", f"/audiences/{audience_id}", json=wrong).status_code == 422


def test_the_outcome_of_the_next_uploads_can_be_set(account, admin) -> None:
    admin("PATCH", "/settings", json={"processing_seconds": 0, "pending_seconds": 0})
    order = {"outcome": "Rejected", "times": 2, "reason": "Too few records."}
    assert admin("POST", "/outcomes", json=order).status_code == 204
    details = [account.details(account.new_id()) for _ in range(3)]
    assert [each["status"] for each in details] == ["Rejected", "Rejected", "Ready"]
    assert [each.get("rejectionReason") for each in details] == ["Too few records.", "Too few records.", None]


def test_the_clock_can_be_advanced(account, admin) -> None:
    audience_id = account.new_id()
    assert admin("POST", "/advance", json={"seconds": 3600}).status_code == 204
    assert account.details(audience_id)["status"] == "Ready"
    assert admin("POST", "/advance", json={"seconds": -1}).status_code == 422


def test_the_admin_api_expires_tokens(account, admin) -> None:
    assert account.call("GET", STATUSES).status_code == 200
    assert admin("POST", "/expire-tokens", json={"refresh_too": True}).status_code == 204
    assert account.call("GET", STATUSES).status_code == 401


def test_a_reset_removes_everything_but_used_ids(account, sandbox, admin) -> None:
    before = sandbox.settings
    first = account.new_id()
    sandbox.add_fault("hang", path="/nowhere")
    sandbox.change_settings(on_hold=True)
    old = account.headers
    assert admin("POST", "/reset").status_code == 204
    assert (sandbox.audiences, sandbox.faults, sandbox.requests, sandbox.settings) == ([], [], [], before)
    assert account.session.get(sandbox.url + STATUSES, headers=old).status_code == 401
    account._headers = None
    assert account.new_id() > first


def test_there_is_no_other_admin_call(admin) -> None:
    assert admin("GET", "/nothing").status_code == 404
    assert admin("GET", "").status_code == 404
