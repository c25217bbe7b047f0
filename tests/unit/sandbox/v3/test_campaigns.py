"""Campaigns: who uses an audience, changes of what they target, and what refuses them."""

from __future__ import annotations

import pytest

TARGET = "/api/v3/cmp/target/audience"
SAVED = "Your changes have been successfully saved."


@pytest.fixture
def make(sandbox, account):
    """Make ready audiences, and return their ids."""
    sandbox.change_settings(processing_seconds=0, pending_seconds=0)

    def make(count: int = 1) -> list[int]:
        url = f"{sandbox.url}/_sandbox/audiences"
        ids: list[int] = account.session.post(url, json={"count": count}).json()
        return ids

    return make


@pytest.fixture
def post(account, reference):
    def post(path: str, body, *, contradicts: bool = False):
        answer = account.call("POST", path, json=body, timeout=20)
        if not contradicts:
            reference.check_answer(answer)
        return answer

    return post


@pytest.fixture
def target(post):
    def target(campaign_id: int, include=(), exclude=(), remove=()) -> dict[str, str]:
        lists = {"includedAudienceList": [*include], "excludedAudienceList": [*exclude]}
        answer = post(TARGET, {str(campaign_id): lists | {"removedAudienceList": [*remove]}})
        assert answer.status_code == 200
        assert answer.json()["data"]["message"] == SAVED
        failed: dict[str, str] = answer.json()["data"].get("failedCampaigns", {})
        assert answer.json()["success"] is not bool(failed)
        return failed

    return target


def targets(sandbox) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(campaign.included, campaign.excluded) for campaign in sandbox.campaigns]


def test_a_swap_is_atomic(sandbox, make, target) -> None:
    old, new, other = make(3)
    campaign_id = sandbox.add_campaign("Summer", included=[old, other])
    assert target(campaign_id, include=[new], remove=[old]) == {}
    (campaign,) = sandbox.campaigns
    assert [moment.included for moment in campaign.timeline] == [(old, other), (other, new)]
    assert campaign.timeline[0].at < campaign.timeline[1].at
    assert target(campaign_id, include=[new], remove=[old]) == {}
    assert targets(sandbox) == [((other, new), ())]


def test_targeting_lists_are_changes_and_disjoint(sandbox, make, target) -> None:
    first, second = make(2)
    campaign_id = sandbox.add_campaign(included=[first])
    target(campaign_id, exclude=[second])
    assert targets(sandbox) == [((first,), (second,))]
    target(campaign_id)
    assert targets(sandbox) == [((first,), (second,))]
    target(campaign_id, exclude=[first])
    assert targets(sandbox) == [((), (second, first))]
    target(campaign_id, remove=[first, second])
    assert targets(sandbox) == [((), ())]


@pytest.mark.parametrize("missing", ["includedAudienceList", "excludedAudienceList"])
@pytest.mark.parametrize("null", [False, True])
def test_without_both_lists_the_server_fails(sandbox, make, post, missing: str, null: bool) -> None:
    (audience_id,) = make()
    good, bad = sandbox.add_campaign(), sandbox.add_campaign()
    lists = {"includedAudienceList": [audience_id], "excludedAudienceList": []}
    wrong = {name: None if null else value for name, value in lists.items() if null or name != missing}
    answer = post(TARGET, {str(good): lists, str(bad): wrong})
    assert (answer.status_code, answer.json()["errorObjects"]) == (500, [{"error": "server encountered an error !"}])
    assert targets(sandbox) == [((), ()), ((), ())]


@pytest.mark.parametrize("name", ["removeAudience", "removeAudienceList"])
def test_the_guides_names_of_the_third_list_remove_nothing(sandbox, make, post, name: str) -> None:
    (audience_id,) = make()
    campaign_id = sandbox.add_campaign(included=[audience_id])
    body = {str(campaign_id): {"includedAudienceList": [], "excludedAudienceList": [], name: [audience_id]}}
    assert post(TARGET, body).json()["success"] is True
    assert targets(sandbox) == [((audience_id,), ())]


@pytest.mark.parametrize(
    "wrong", [[], "x", {"1": []}, {"1": {"includedAudienceList": ["1"], "excludedAudienceList": []}}]
)
def test_other_formats_are_rejected(post, wrong) -> None:
    assert post(TARGET, wrong).status_code == 422


def test_one_pg_campaign_fails_the_request(sandbox, make, post) -> None:
    (audience_id,) = make()
    ids = [sandbox.add_campaign(), sandbox.add_campaign(pg=True), sandbox.add_campaign(pg=True)]
    lists = {"includedAudienceList": [audience_id], "excludedAudienceList": []}
    answer = post(TARGET, {str(each): lists for each in ids})
    text = f"One or more campaigns are PG campaigns and cannot be used for audience targeting: {ids[1:]}"
    assert (answer.status_code, answer.json()) == (422, {"success": False, "errorObjects": [{"error": text}]})
    assert targets(sandbox) == [((), ())] * 3


def test_some_campaigns_fail_and_all_others_are_changed(sandbox, make, post) -> None:
    (audience_id,) = make()
    good, deleted = sandbox.add_campaign(), sandbox.add_campaign(status="deleted")
    lists = {"includedAudienceList": [audience_id], "excludedAudienceList": []}
    answer = post(TARGET, {str(good): lists, str(deleted): lists, "x": lists, "7": lists})
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert answer.json()["data"]["failedCampaigns"].keys() == {str(deleted), "x", "7"}
    assert targets(sandbox) == [((audience_id,), ()), ((), ())]


def test_audiences_must_be_ready(sandbox, make, target, account) -> None:
    campaign_id = sandbox.add_campaign()
    assert "not found" in target(campaign_id, include=[7])[str(campaign_id)]
    sandbox.change_settings(processing_seconds=100)
    audience_id = account.new_id()
    assert "not ready" in target(campaign_id, exclude=[audience_id])[str(campaign_id)]
    assert target(campaign_id, remove=[7, audience_id]) == {}
    assert "more than one list" in target(campaign_id, include=[7], remove=[7])[str(campaign_id)]


@pytest.mark.parametrize("count_removed", [True, False])
def test_a_campaign_has_at_most_20_audiences(sandbox, make, target, count_removed: bool) -> None:
    sandbox.change_settings(count_removed_audiences=count_removed)
    *full, new = make(21)
    campaign_id = sandbox.add_campaign(included=full[:10], excluded=full[10:])
    full_error = {str(campaign_id): "Can not target more than 20 audiences."}
    assert target(campaign_id, exclude=[new]) == full_error
    assert target(campaign_id, include=[new], remove=[full[0]]) == (full_error if count_removed else {})
    assert len(sandbox.campaigns[0].timeline) == (1 if count_removed else 2)
    assert target(campaign_id, include=[full[1]], remove=[full[2]]) == {}


def test_details_and_list_have_the_campaigns(sandbox, make, v3, account) -> None:
    used, unused = make(2)
    ids = {status: sandbox.add_campaign(status=status, included=[used]) for status in ("running", "paused", "deleted")}
    excluding = [sandbox.add_campaign(status=status, excluded=[used]) for status in ("expired", "pending", "running")]
    including = [ids["running"], ids["paused"]]
    details = v3.details(used, campaignTargetingRequired="true")
    assert (details["whitelistedCampaignIds"], details["blacklistedCampaignIds"]) == (including, excluding)
    rows = {row["audienceId"]: row for row in v3.find(audienceIds=[used, unused])["audienceList"]}
    assert (rows[used]["includedCampaignList"], rows[used]["excludedCampaignList"]) == (including, excluding)
    counts = [f"{status}CampaignCount" for status in ("running", "pending", "paused", "expired")]
    assert [rows[used][name] for name in counts] == [2, 1, 1, 1]
    assert [rows[unused][name] for name in counts] == [0, 0, 0, 0]
    assert (rows[unused]["includedCampaignList"], rows[unused]["excludedCampaignList"]) == ([], [])
    assert (account.details(used)["included"], account.details(used)["excluded"]) == (2, 3)


@pytest.mark.parametrize("status", ["running", "expired", "deleted"])
def test_an_audience_in_use_is_not_deleted(sandbox, make, v3, account, status: str) -> None:
    used, unused = make(2)
    sandbox.add_campaign(excluded=[used], status=status)
    answer = v3.data("DELETE", "", params={"audienceIds": f"{used},{unused}"})
    kept = [] if status == "deleted" else [used]
    assert answer["failedAudienceIds"] == kept
    body = {"audienceIds": str(used)}
    classic = account.call("PUT", "/api/v2/audience/delete", json=body).json()["responseObject"]
    assert (classic["audienceFailedIds"], classic["audienceSuccessfulIds"]) == ([used], [])


def test_the_list_of_campaigns(sandbox, post) -> None:
    names = ("Summer", "Winter", "summer sale")
    first, second, third = (
        sandbox.add_campaign(name, status=status)
        for name, status in zip(names, ("running", "paused", "running"), strict=True)
    )

    def found(**search) -> list[int]:
        answer = post("/api/v3/cmp/basic/list", search)
        assert answer.status_code == 200, answer.text
        return [row["campaignId"] for row in answer.json()["data"]["data"]]

    assert found() == [first, second, third]
    assert found(campaignIds=[third, 7, first]) == [first, third]
    assert found(status=["Running"], pageNo=2, noOfEntries=1) == [third]
    assert found(searchField="SUMMER") == [first, third]
    assert found(searchField=str(second)) == [second]
    assert found(sortBy="name", order="desc") == [third, second, first]
    assert found(ids=[third]) == [third, first, second]
    assert found(owIds=[7]) == []
    row = post("/api/v3/cmp/basic/list", {"campaignIds": [second], "responseFields": ["name", "status"]}).json()
    assert row["data"] == {"data": [{"name": "Winter", "status": "paused"}], "totalRecords": 3, "filteredRecords": 1}


@pytest.mark.parametrize(
    "wrong",
    [{"pageNo": 0}, {"noOfEntries": 501}, {"noOfEntries": 0}, {"campaignIds": ["1"]}, {"sortBy": "x"}, {"order": "up"}],
)
def test_invalid_searches_for_campaigns(sandbox, post, wrong) -> None:
    sandbox.add_campaign()
    # IQM's OpenAPI file has no response for this.
    assert post("/api/v3/cmp/basic/list", wrong, contradicts=True).status_code == 422


def test_the_admin_api_creates_lists_and_changes_campaigns(sandbox, account) -> None:
    def admin(method: str, path: str = "", **options):
        return account.session.request(method, f"{sandbox.url}/_sandbox/campaigns{path}", **options)

    made = admin("POST", json={"name": "Summer", "included": [1], "pg": True})
    campaign_id = made.json()["id"]
    assert (made.status_code, made.json()["status"], made.json()["included"]) == (201, "running", [1])
    changed = admin("PATCH", f"/{campaign_id}", json={"status": "paused", "excluded": [2]}).json()
    assert (changed["name"], changed["status"], changed["included"], changed["excluded"]) == (
        "Summer",
        "paused",
        [1],
        [2],
    )
    assert admin("GET").json() == [changed]
    assert [moment["excluded"] for moment in changed["timeline"]] == [[], [2]]
    assert admin("PATCH", "/7", json={}).status_code == 404
    assert admin("POST", json={"status": "x"}).status_code == 422
    sandbox.reset()
    assert sandbox.campaigns == []
    assert sandbox.add_campaign() > campaign_id


@pytest.mark.parametrize("path", [TARGET, "/api/v3/cmp/basic/list"])
def test_rate_limit_and_faults_apply_to_campaigns(account, path: str) -> None:
    assert account.call("POST", path, json={}, headers={"Authorization": "Bearer x"}).status_code == 401
    assert account.call("POST", path, json={}, headers={"X-IAA-OW-ID": "7"}).status_code == 403
