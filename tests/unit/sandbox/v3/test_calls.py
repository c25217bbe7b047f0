from __future__ import annotations

import pytest

CLASSIC_LIST = "/api/v2/audience/list"


def test_classic_calls_list_v3_uploads(v3, account) -> None:
    audience_id = v3.upload(name="people of May.csv", formats={"Email": "SHA256"}, audienceName="May")
    details = account.details(audience_id)
    assert details["existingColumnMatching"] == '{"email": "Email"}'
    assert details["columnSettings"] == '{"Email": "SHA256"}'
    assert '"fileName": "people of May.csv"' in details["metadata"]
    assert (details["fileTotalCount"], details["isSingleColumnEnabled"]) == (2, True)
    assert details["s3FileName"] == v3.details(audience_id)["s3FileName"]
    assert [row["id"] for row in account.listed(searchField="May")] == [audience_id]


def test_v3_lists_classic_uploads(v3, account) -> None:
    audience_id = account.new_id(columnSettings={"Email": "SHA1"}, audienceName="May")
    details = v3.details(audience_id)
    columns, formats = v3.ids("column-list"), v3.ids("data-formats")
    assert details["columnMappings"] == [
        {"columnId": columns["Email"], "fileColumnName": "email", "dataFormatId": formats["SHA1"]}
    ]
    assert (details["audienceName"], details["fileRowCount"]) == ("May", 2)
    voters = account.new_id(columns={"email": "Voters_ID"}, columnSettings={"Voters_ID": "i360_id"})
    assert v3.details(voters)["dataPartnerId"] == v3.ids("data-partners")["i360_id"]
    assert {row["audienceId"] for row in v3.find()["audienceList"]} == {audience_id, voters}


def test_classic_uploads_can_map_fields_that_v3_lacks(v3, account) -> None:
    columns = {"email": "Email", "zip": "VoterTelephones_CellphoneUnformatted"}
    details = v3.details(account.new_id(columns=columns))
    assert [each["fileColumnName"] for each in details["columnMappings"]] == ["email"]


@pytest.mark.parametrize(("outcome", "last"), [("Ready", 3), ("Rejected", 4), ("Failed", 6)])
def test_statuses_are_ids(v3, sandbox, outcome: str, last: int) -> None:
    sandbox.change_settings(processing_seconds=10, pending_seconds=10)
    sandbox.state.audiences.plan(outcome, 1, "No luck.")
    audience_id = v3.upload()
    seen = [v3.details(audience_id)]
    for _ in range(2):
        sandbox.advance(11)
        seen.append(v3.details(audience_id))
    assert [details["audienceStatusId"] for details in seen] == [1, 6 if outcome == "Failed" else 2, last]
    assert (seen[0]["matchRate"], seen[0]["reach"], seen[0]["cpm"]) == (0, 0, 0)
    assert (seen[2]["reach"] > 0) is (outcome != "Failed")
    assert ("rejectionReason" in seen[2]) is (outcome != "Ready")
    (row,) = v3.find(audienceIds=[audience_id])["audienceList"]
    assert row["audienceStatusId"] == last
    assert row.get("rejectionReason") == (None if outcome == "Ready" else "No luck.")


def test_unlisted_statuses(v3, sandbox) -> None:
    audience_id = v3.upload()
    sandbox.state.audiences.get(audience_id).status = "Under Review"
    status = v3.details(audience_id)["audienceStatusId"]
    assert status not in v3.ids("audience-status", deletedStatusRequired="true").values()


def test_details_can_include_campaigns_and_users(v3, sandbox) -> None:
    audience_id = v3.upload(audienceSubtypeId=4)
    sandbox.state.audiences.get(audience_id).attached = True
    details = v3.details(audience_id)
    assert not {"whitelistedCampaignIds", "blacklistedCampaignIds", "organizationName"} & details.keys()
    assert (details["audienceSubtypeId"], details["subtypeDetails"]) == (4, "Nurse")
    more = v3.details(audience_id, campaignTargetingRequired="true", userDetailsRequired="true")
    assert len(more["whitelistedCampaignIds"]) == 1
    assert more["organizationName"]
    assert more["s3Url"].endswith(f"/{more['s3FileName']}")


def test_the_tutorials_details_are_those_of_the_classic_call(v3, account, sandbox) -> None:
    sandbox.change_settings(details_shape="tutorial", processing_seconds=100)
    audience_id = v3.upload()
    answer = v3.call("GET", f"/matched/{audience_id}", contradicts=True).json()
    assert (answer["statusCode"], answer["responseObject"]) == (200, account.details(audience_id))
    assert answer["responseObject"]["status"] == "Processing"


@pytest.mark.parametrize("unknown", ["7", "0", "-1", "x", "99999999999"])
def test_an_unknown_audience_is_rejected(v3, unknown: str) -> None:
    for method, path in (("GET", f"/matched/{unknown}"), ("PUT", f"/matched/{unknown}/rematch")):
        assert v3.refused(v3.call(method, path)).keys() == {"audienceId"}
    renamed = v3.call("PATCH", f"/{unknown}/update-name", json={"audienceName": "May"})
    assert v3.refused(renamed)


def test_the_list_filters(v3, account, sandbox) -> None:
    ids = {name: v3.upload(audienceName=name) for name in ("May voters", "may Voters 2", "June")}
    nurse = v3.upload(audienceName="Nurses", audienceSubtypeId=4)

    def found(**search) -> list[int]:
        return [row["audienceId"] for row in v3.find(**search)["audienceList"]]

    assert found() == [nurse, *reversed(ids.values())]
    assert found(searchFields=["MAY"]) == [ids["may Voters 2"], ids["May voters"]]
    assert found(searchFields=["June", str(nurse)]) == [nurse, ids["June"]]
    assert found(searchFields=[nurse]) == [nurse]
    assert found(searchField="june") == [ids["June"]]
    assert found(audienceIds=[ids["June"], 7]) == [ids["June"]]
    assert found(audienceSubtypeIds=[4]) == [nurse]
    assert found(audienceTypeIds=[2, 3]) == []
    assert found(owIds=[sandbox.settings.ow_id + 1]) == []
    assert found(audienceStatusIds=[3]) == []
    assert found(sortBy="audienceName")[0] == ids["June"]
    assert found(sortBy="-audienceName")[0] == nurse


def test_the_list_has_pages(v3) -> None:
    ids = [v3.upload() for _ in range(5)]
    pages = [v3.find(pageNo=number, noOfEntries=2, sortBy="audienceId") for number in (1, 2, 3, 4)]
    assert [[row["audienceId"] for row in page["audienceList"]] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    assert {(page["totalRecords"], page["filteredRecords"]) for page in pages} == {(5, 5)}
    narrow = v3.find(audienceIds=ids[:3], noOfEntries=1)
    assert (narrow["totalRecords"], narrow["filteredRecords"], len(narrow["audienceList"])) == (5, 3, 1)


@pytest.mark.parametrize(
    ("search", "field"),
    [
        ({"pageNo": 0}, "pageNo"),
        ({"noOfEntries": -1}, "noOfEntries"),
        ({"noOfEntries": 1001}, "noOfEntries"),
        ({"noOfEntries": "20"}, "noOfEntries"),
        ({"audienceTypeIds": [15]}, "audienceTypeIds"),
        ({"audienceStatusIds": [98]}, "audienceStatusIds"),
        ({"sortBy": "colour"}, "sortBy"),
        ({"audienceIds": "1,2"}, "audienceIds"),
        ([], None),
    ],
)
def test_invalid_searches(v3, search, field: str | None) -> None:
    assert v3.refused(v3.call("POST", "/list", json=search)).keys() == {field}


def test_the_list_omits_new_and_deleted_audiences(v3, sandbox) -> None:
    sandbox.change_settings(list_delay_seconds=30)
    audience_id = v3.upload()
    assert v3.find()["audienceList"] == []
    sandbox.advance(31)
    assert len(v3.find()["audienceList"]) == 1
    assert v3.data("DELETE", "", params={"audienceIds": audience_id})["successfulAudienceIds"] == [audience_id]
    assert v3.find()["audienceList"] == []
    assert v3.refused(v3.call("GET", f"/matched/{audience_id}"))


def test_rows_have_the_file_name(v3) -> None:
    v3.upload(name="people of May (ä).csv")
    (row,) = v3.find()["audienceList"]
    milliseconds, _, name = row["s3FileName"].partition("_")
    assert name == "people_of_May____.csv"
    assert milliseconds == str(row["createdAt"])


@pytest.mark.parametrize("joined", [False, True])
def test_deletions_succeed_even_if_all_of_them_failed(v3, sandbox, joined: bool) -> None:
    first, second = v3.upload(), v3.upload()
    sandbox.state.audiences.get(second).attached = True

    def delete(*ids: int) -> dict:
        return v3.data("DELETE", "", params={"audienceIds": ",".join(map(str, ids)) if joined else ids})

    assert delete(first, second, first) == {"successfulAudienceIds": [first], "failedAudienceIds": [second]}
    assert delete(first, second, 7) == {"successfulAudienceIds": [], "failedAudienceIds": [first, second, 7]}


@pytest.mark.parametrize("query", ["", "?audienceIds=", "?audienceIds=1;2", "?audienceIds=1,x"])
def test_deletions_require_ids(v3, query: str) -> None:
    (field,) = v3.refused(v3.call("DELETE", query), 400)
    assert field.startswith("audienceIds")


def test_renaming(v3, account) -> None:
    audience_id = v3.upload(audienceName="May")
    path = f"/{audience_id}/update-name"
    assert v3.data("PATCH", path, json={"audienceName": "June"}) == {"message": "Changes saved successfully"}
    assert account.details(audience_id)["audienceName"] == "June"
    for wrong in ({"audienceName": "  "}, {"audienceName": "x" * 256}, {"audienceName": None}, {}, []):
        assert v3.refused(v3.call("PATCH", path, json=wrong))
    assert v3.details(audience_id)["audienceName"] == "June"


def test_only_ready_audiences_can_be_rematched(v3, sandbox) -> None:
    sandbox.change_settings(processing_seconds=10, pending_seconds=0)
    audience_id = v3.upload()
    path = f"/matched/{audience_id}/rematch"
    assert v3.refused(v3.call("PUT", path)) == {"audienceId": "The audience is not eligible for rematch."}
    sandbox.advance(11)
    (row,) = v3.find()["audienceList"]
    assert (row["audienceRematchEligible"], "lastRematchStatusId" in row) == (True, False)
    assert v3.data("PUT", path)["audienceId"] == audience_id
    (row,) = v3.find()["audienceList"]
    assert (row["audienceRematchEligible"], row["lastRematchStatusId"], row["audienceStatusId"]) == (False, 1, 1)
    assert v3.refused(v3.call("PUT", path))
    sandbox.advance(11)
    assert v3.details(audience_id)["audienceStatusId"] == 3


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/audience/static/data-formats"),
        ("GET", "/audience/matched/1"),
        ("POST", "/audience/list"),
        ("POST", "/audience/matched"),
        ("DELETE", "/audience?audienceIds=1"),
    ],
)
def test_rate_limit_and_faults_apply_to_v3(account, sandbox, method: str, path: str) -> None:
    path = f"/api/v3{path}"
    assert account.call(method, path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert account.call(method, path, headers={"X-IAA-OW-ID": "7"}).status_code == 403
    sandbox.add_fault("status", path="/api/v3/audience/*", status=500)
    sandbox.add_fault("status", path="/api/v3/audience", status=500)
    answer = account.call(method, path)
    assert (answer.status_code, answer.json()["success"]) == (500, False)
    assert (sandbox.requests[-1].path, sandbox.requests[-1].fault) == (path.partition("?")[0], "status")
    sandbox.change_settings(requests_per_minute=1)
    answer = account.call(method, path)
    assert (answer.status_code, answer.json()["errorObjects"]) == (429, [{"error": "Too many requests."}])
