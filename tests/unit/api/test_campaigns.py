"""What is asked about campaigns, and what is made of the answers."""

from __future__ import annotations

import json

import pytest

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.campaigns import audience_campaigns, campaign_ids, campaigns, listed_campaigns
from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.exceptions import AudienceNotFoundError, AudienceOptionError, IQMError, IQMInvalidAnswerError

CREDENTIALS = Credentials(email="e", password="p", client_id="c", client_secret="s", workspace_host="app.iqm.com")


def api(version="v3"):
    iqm = create_dialect(version, CREDENTIALS, on_token=lambda token: None, clock=lambda: 1.0)
    iqm.login._use(Token("a", "r", "1", 35_999.0))
    return iqm


def drive(exchange, *answers):
    """Run an exchange against answers, ``(status, document)`` each; return its result and the requests."""
    requests, left, step, value = [], list(answers), exchange.send, None
    while True:
        try:
            request = step(value)
        except StopIteration as done:
            assert not left
            return done.value, requests
        requests.append(request)
        status, document = left.pop(0)
        try:
            step, value = exchange.send, read_envelope(Answer(status, {}, json.dumps(document).encode()), request)
        except IQMError as error:
            step, value = exchange.throw, error


def good(data):
    return 200, {"success": True, "data": data}


def row(audience_id, included=(), excluded=(), **more):
    lists = {"includedCampaignList": list(included), "excludedCampaignList": list(excluded)}
    return {"audienceId": audience_id, **lists, **more}


def details(audience_id, included=(), excluded=()):
    lists = {"whitelistedCampaignIds": list(included), "blacklistedCampaignIds": list(excluded)}
    return {"audienceId": audience_id, **lists}


def test_the_details_of_a_single_audience_are_requested():
    (used,), (request,) = drive(audience_campaigns(api().login, [7]), good(details(7, [573312], [57332])))
    assert (request.method, request.path) == ("GET", "/api/v3/audience/matched/7")
    assert request.params == {"campaignTargetingRequired": "true"}
    assert (used["audience_id"], used["included"], used["excluded"], used["running"]) == (7, [573312], [57332], None)


def test_several_audiences_take_one_request():
    counts = {"runningCampaignCount": 2, "pausedCampaignCount": 0}
    answer = good({"audienceList": [row(8, [1, 2], **counts), row(7, excluded=[3]), row(9)]})
    used, (request,) = drive(audience_campaigns(api().login, [7, 8, 7]), answer)
    assert json.loads(request.body)["audienceIds"] == [7, 8]
    assert [(each["audience_id"], each["included"], each["excluded"]) for each in used] == [
        (7, [], [3]),
        (8, [1, 2], []),
    ]
    assert (used[1]["running"], used[1]["paused"], used[1]["expired"]) == (2, 0, None)


def test_the_details_of_an_unlisted_audience_are_requested():
    used, requests = drive(
        audience_campaigns(api().login, [7, 8]), good({"audienceList": [row(7, [1])]}), good(details(8))
    )
    assert [each["included"] for each in used] == [[1], []]
    assert [request.method for request in requests] == ["POST", "GET"]
    found, _ = drive(listed_campaigns(api().login, [7, 8]), good({"audienceList": [row(7, [1])]}))
    assert list(found) == [7]


def test_an_unknown_audience():
    refused = {"success": False, "errorObjects": [{"error": "No active audience found with the given Id."}]}
    with pytest.raises(AudienceNotFoundError, match="audience 7"):
        drive(audience_campaigns(api().login, [7]), (422, refused))


@pytest.mark.parametrize(
    "wrong", [{}, {"audienceId": 8}, {"whitelistedCampaignIds": None}, {"whitelistedCampaignIds": "1"}]
)
def test_an_audience_without_campaign_lists_is_not_treated_as_unused(wrong):
    told = {**details(7), **wrong} if wrong else {"audienceId": 7}
    with pytest.raises(IQMInvalidAnswerError):
        drive(audience_campaigns(api().login, [7]), good(told))


@pytest.mark.parametrize("wrong", [None, "", [True], [0], [1.5], ["x"], {}])
def test_an_invalid_list_is_not_treated_as_empty(wrong):
    rows = [row(7), {**row(8), "excludedCampaignList": wrong}]
    with pytest.raises(IQMInvalidAnswerError):
        drive(audience_campaigns(api().login, [7, 8]), good({"audienceList": rows}))


def test_more_audiences_than_a_page():
    ids = range(1, 1502)
    pages = [good({"audienceList": [row(each) for each in part]}) for part in (range(1, 1001), range(1001, 1502))]
    used, requests = drive(audience_campaigns(api().login, ids), *pages)
    assert ([each["audience_id"] for each in used], len(requests)) == (list(ids), 2)


def test_classic_connections_are_rejected():
    with pytest.raises(AudienceOptionError, match="requires v3"):
        api("classic").audience_campaigns([7])
    with pytest.raises(AudienceOptionError, match="requires v3"):
        api("classic").campaign_ids([7])


def test_the_campaigns_of_audiences_are_read_with_one_request():
    one, (request,) = drive(campaign_ids(api().login, [7, 7]), good(details(7, [5], [6])))
    assert (one, request.method) == ({"included": [5], "excluded": [6]}, "GET")
    answer = good({"audienceList": [row(8, [1, 2]), row(7, [2, 3], [1])]})
    several, (request,) = drive(campaign_ids(api().login, [7, 8]), answer)
    assert (several, request.method) == ({"included": [2, 3, 1], "excluded": [1]}, "POST")


def test_an_unlisted_audience_is_not_treated_as_unused():
    with pytest.raises(IQMError, match="doesn't list 1 of them yet"):
        drive(campaign_ids(api().login, [7, 8]), good({"audienceList": [row(7, [1])]}))


def test_names_are_requested_in_pages_of_500():
    def page(ids):
        return good({"data": [{"campaignId": each, "name": f"C {each}", "status": "running"} for each in ids]})

    found, requests = drive(
        campaigns(api("classic").login, range(1, 602)), page([*range(1, 501), 900]), page(range(501, 601))
    )
    assert [each["id"] for each in found] == list(range(1, 601))
    assert found[0] == {"id": 1, "name": "C 1", "status": "running"}
    assert [len(json.loads(request.body)["campaignIds"]) for request in requests] == [500, 101]
    assert {json.loads(request.body)["noOfEntries"] for request in requests} == {500}
    assert {request.path for request in requests} == {"/api/v3/cmp/basic/list"}
