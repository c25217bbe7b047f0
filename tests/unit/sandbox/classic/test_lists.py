from __future__ import annotations

import pytest

LIST_ROW = {
    "id", "audienceName", "audienceType", "audienceTypeId", "isVoterAudience", "status", "statusDisplayName",
    "createdOn", "dataCost", "uniques",
}  # fmt: skip


def test_the_column_list_has_both_documented_forms(account) -> None:
    path = "/api/v3/audience/static/matched/column-list"
    posted = account.call("POST", path).json()
    assert posted["statusCode"] == 200
    assert {name: len(each) for name, each in posted["responseObject"].items()} == {
        "mandatoryColumns": 4,
        "voterIDColumns": 1,
        "optionalColumns": 11,
    }
    assert posted["responseObject"]["voterIDColumns"] == [{"id": 1, "name": "Voter ID", "l2Name": "LalVoterID"}]
    got = account.call("GET", path).json()
    assert got["success"] is True
    assert got["data"][1] == {"id": 26, "label": "NPI ID", "key": "NPI_ID", "order": 2, "isSingleColumn": True}
    assert [column["order"] for column in got["data"]] == list(range(1, 19))


def test_the_other_static_lists(account) -> None:
    static = "/api/v3/audience/static/matched"
    partners = account.call("GET", f"{static}/data-partner").json()["data"]
    assert {"id": 7, "label": "Healthlink ID", "keyName": "hl_npi_id", "audienceColumnId": 26} in partners
    formats = account.call("GET", f"{static}/data-format").json()["data"]
    assert [each["keyName"] for each in formats] == ["Raw", "MD5", "SHA1", "SHA256", "SHA512", "Other"]
    statuses = account.call("GET", "/api/v2/audience/status?audienceTypeIds=1").json()["responseObject"]
    assert {"id": 10, "status": "Ready", "displayName": "Ready"} in statuses


def test_audiences_become_ready_with_time(account, sandbox) -> None:
    sandbox.change_settings(processing_seconds=100, pending_seconds=100)
    audience_id = account.new_id()
    processing = account.details(audience_id)
    assert (processing["status"], processing["matchRate"], processing["uniques"]) == ("Processing", 0, 0)
    assert account.listed()[0]["status"] == "processing"
    sandbox.advance(101)
    assert account.details(audience_id)["status"] == "Pending"
    sandbox.advance(100)
    ready = account.details(audience_id)
    assert ready["status"] == "Ready"
    assert 45 <= ready["matchRate"] < 85
    assert ready == account.details(audience_id)
    assert (account.listed()[0]["status"], account.listed()[0]["statusDisplayName"]) == ("approved", "Ready")


def test_details_echo_the_upload(account) -> None:
    name = "people of May (ä).csv"
    form = account.form(name=name)
    details = account.details(account.new_id(name=name))
    assert details["metadata"] == form["metadata"]
    assert details["existingColumnMatching"] == form["columns"]
    assert details["columnSettings"] == form["columnSettings"]
    assert details["fileTotalCount"] == 2
    milliseconds, _, stored = details["s3FileName"].partition("_")
    assert stored == "people_of_May____.csv"
    assert int(milliseconds) // 1000 == details["createdDate"]
    assert details["isSingleColumnEnabled"] is True


@pytest.mark.parametrize(
    ("mark", "status", "before"), [("[fail]", "Failed", "Processing"), ("[Reject]", "Rejected", "Pending")]
)
def test_names_can_determine_the_outcome(account, sandbox, mark: str, status: str, before: str) -> None:
    sandbox.change_settings(processing_seconds=10, pending_seconds=10)
    audience_id = account.new_id(audienceName=f"May {mark}")
    sandbox.advance(5 if before == "Processing" else 15)
    assert account.details(audience_id)["status"] == before
    sandbox.advance(10)
    details = account.details(audience_id)
    assert details["status"] == status
    assert details["rejectionReason"]
    assert account.listed()[0]["status"] == status.lower()


@pytest.mark.parametrize("unknown", ["1", "x", "1" * 30, "-1"])
def test_an_unknown_audience_is_not_found(account, unknown: str) -> None:
    answer = account.call("GET", f"/api/v2/audience/matched/{unknown}")
    assert answer.status_code == 404
    assert answer.json() == {
        "statusCode": 404,
        "responseObject": {"errorMsg": "Audience not found.", "errorCode": 404},
    }


def test_the_list_searches_by_a_part_of_the_name(account) -> None:
    ids = {name: account.new_id(audienceName=name) for name in ("May voters", "may Voters 2", "June")}
    assert [row["id"] for row in account.listed(audienceTypeIds=1, searchField="MAY")] == [
        ids["may Voters 2"],
        ids["May voters"],
    ]
    assert account.listed()[0].keys() == LIST_ROW
    assert account.listed(searchField="July") == []
    assert account.listed(audienceTypeIds="3,5") == []
    assert len(account.listed(audienceTypeIds="5, 1")) == 3
    assert account.call("GET", "/api/v2/audience/list?audienceTypeIds=x").status_code == 400


def test_new_audiences_can_be_listed_late(account, sandbox) -> None:
    sandbox.change_settings(list_delay_seconds=30)
    audience_id = account.new_id()
    assert account.listed() == []
    assert account.details(audience_id)["id"] == audience_id
    sandbox.advance(31)
    assert [row["id"] for row in account.listed()] == [audience_id]


def test_deletions_return_the_deleted_audiences(account, sandbox) -> None:
    ids = [account.new_id() for _ in range(3)]
    sandbox.state.audiences.get(ids[1]).attached = True
    good = account.call("PUT", "/api/v2/audience/delete", json={"audienceIds": str(ids[0])}).json()
    assert good["responseObject"] == {
        "audienceFailedIds": [],
        "message": "Selected audience(s) deleted successfully",
        "audienceSuccessfulIds": [ids[0]],
        "status": True,
    }
    mixed = account.call("PUT", "/api/v2/audience/delete", json={"audienceIds": f"{ids[0]}, {ids[1]},{ids[2]},7"})
    assert mixed.json()["responseObject"]["audienceSuccessfulIds"] == [ids[2]]
    assert mixed.json()["responseObject"]["audienceFailedIds"] == [ids[0], ids[1], 7]
    assert mixed.json()["responseObject"]["status"] is False
    assert [row["id"] for row in account.listed()] == [ids[1]]
    assert account.details(ids[0])["status"] == "Deleted"


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"audienceIds": [1]}', b'{"audienceIds": "1;2"}'])
def test_deletions_require_ids(account, body: bytes) -> None:
    answer = account.call("PUT", "/api/v2/audience/delete", data=body)
    assert answer.status_code == 400
    assert "audienceIds" in answer.json()["responseObject"]["errorMsg"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/audience/detailed/list", 404),
        ("GET", "/", 404),
        ("PUT", "/api/v2/audience/list", 405),
        ("POST", "/api/v2/audience/list/", 404),
    ],
)
def test_other_calls_do_not_exist(account, method: str, path: str, status: int) -> None:
    answer = account.call(method, path)
    assert answer.status_code == status
    assert answer.json()["responseObject"]["errorCode"] == status


def test_v3_calls_have_errors_in_their_own_envelope(account) -> None:
    answer = account.call("GET", "/api/v3/nothing")
    assert (answer.status_code, answer.json()) == (404, {"success": False, "errorObjects": [{"error": "Not Found"}]})
