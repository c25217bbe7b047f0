"""Whose an audience is, which of several is kept, and what proves that an upload has made none."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.api.dialects import create_dialect
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.upload_search import is_not_processed, keep_oldest, may_have_created
from airflow_provider_iqm.exceptions import (
    AudienceFileError,
    AudienceNotFoundError,
    DuplicateAudienceError,
    IQMAuthenticationError,
    IQMInvalidAnswerError,
    IQMRateLimitError,
    IQMRequestError,
    IQMServerError,
    IQMTransportError,
)
from tests.unit.api.test_any_answer import Shared

CREDENTIALS = Credentials(email="e", password="p", client_id="c", client_secret="s", workspace_host="app.iqm.com")
NOT_FOUND = AudienceNotFoundError("no such audience", status=404, from_iqm=True)
DOWN = IQMServerError("down", status=503)


def audience(audience_id):
    return {"id": audience_id, "name": "Night", "status": "Ready", "file_names": ["x-token.csv"], "created": None}


class IQM:
    """An account with audiences and configurable responses."""

    def __init__(self, version, *ids):
        self.version = version
        self.tutorial = False
        self.ids = set(ids)
        self.used = {}
        self.on_delete = self._delete
        self.deleted = []

    def keep_oldest(self):
        exchange = keep_oldest(
            create_dialect(self.version, CREDENTIALS, on_token=lambda token: token, shared=Shared(), clock=lambda: 1.0),
            [audience(number) for number in sorted(self.ids | set(self.used))],
        )
        step, value = exchange.send, None
        while True:
            try:
                request = step(value)
            except StopIteration as done:
                return done.value
            try:
                step, value = exchange.send, self._answer(request)
            except (IQMServerError, IQMTransportError, AudienceNotFoundError, IQMRequestError) as error:
                step, value = exchange.throw, error

    def _answer(self, request):
        if request.method in {"PUT", "DELETE"}:
            asked = request.params.get("audienceIds") if self.version == "v3" else [request.body.decode().split('"')[3]]
            return self.on_delete([int(item) for item in asked])
        audience_id = int(request.path.rpartition("/")[2])
        if audience_id not in self.ids:
            raise NOT_FOUND
        if self.version == "v3" and not self.tutorial:
            facts = {"audienceId": audience_id, "audienceStatusId": 3}
            unused = {"whitelistedCampaignIds": [], "blacklistedCampaignIds": []}
        else:
            facts = {"id": audience_id, "status": "Ready"}
            unused = {"included": 0, "excluded": 0}
        return facts | self.used.get(audience_id, unused)

    def _delete(self, ids):
        gone = [audience_id for audience_id in ids if audience_id in self.ids]
        self.ids -= set(ids)
        self.deleted += gone
        failed = [audience_id for audience_id in ids if audience_id not in gone]
        return {
            "audienceSuccessfulIds": gone,
            "successfulAudienceIds": gone,
            "audienceFailedIds": failed,
            "failedAudienceIds": failed,
        }


@pytest.fixture(params=["classic", "v3"])
def iqm(request):
    return IQM(request.param, 1, 2, 3)


def test_the_oldest_is_kept(iqm):
    assert iqm.keep_oldest() == 1
    assert iqm.deleted == [2, 3]


def test_a_missing_duplicate_is_not_deleted(iqm):
    iqm.ids = {1, 3}
    iqm.used = {2: {}}
    assert iqm.keep_oldest() == 1
    assert iqm.deleted == [3]


def test_a_duplicate_that_is_deleted_concurrently_is_no_failure(iqm):
    def delete(ids):
        iqm.ids -= set(ids)
        return iqm._delete(ids)

    iqm.on_delete = delete
    assert iqm.keep_oldest() == 1


def test_a_deletion_with_a_lost_response_is_checked(iqm):
    def delete(ids):
        iqm._delete(ids)
        raise DOWN

    iqm.on_delete = delete
    assert iqm.keep_oldest() == 1
    assert iqm.deleted == [2, 3]


def test_a_failed_deletion_names_all_audiences_and_reasons(iqm):
    def delete(ids):
        raise DOWN

    iqm.on_delete = delete
    with pytest.raises(DuplicateAudienceError, match=r"3 audiences of one upload, 1 and 2, 3, .*: down; down"):
        iqm.keep_oldest()


UNKNOWN = {
    "classic": [
        {},
        {"included": 0},
        {"excluded": 0},
        {"included": None, "excluded": 0},
        {"included": 0, "excluded": []},
    ],
    "v3": [
        {},
        {"whitelistedCampaignIds": []},
        {"blacklistedCampaignIds": []},
        {"whitelistedCampaignIds": None, "blacklistedCampaignIds": []},
        {"whitelistedCampaignIds": 0, "blacklistedCampaignIds": []},
    ],
}
USED = {
    "classic": [{"included": 1, "excluded": 0}, {"included": 0, "excluded": 2}],
    "v3": [
        {"whitelistedCampaignIds": [7], "blacklistedCampaignIds": []},
        {"whitelistedCampaignIds": [], "blacklistedCampaignIds": [7]},
        {"whitelistedCampaignIds": [], "blacklistedCampaignIds": "7"},
    ],
}


@pytest.mark.parametrize("number", range(5))
def test_audiences_that_campaigns_may_use_are_not_deleted(iqm, number):
    iqm.used[3] = UNKNOWN[iqm.version][number]
    with pytest.raises(DuplicateAudienceError, match="not as documented"):
        iqm.keep_oldest()
    assert 3 not in iqm.deleted


@pytest.mark.parametrize("number", range(2))
def test_audiences_that_campaigns_use_are_not_deleted(iqm, number):
    iqm.used[3] = USED[iqm.version][number]
    with pytest.raises(DuplicateAudienceError, match="campaigns use 3"):
        iqm.keep_oldest()
    assert 3 not in iqm.deleted


def test_usage_in_the_tutorials_v3_details():
    iqm = IQM("v3", 1, 2)
    iqm.tutorial = True
    iqm.used[2] = {"included": 1, "excluded": 0}
    with pytest.raises(DuplicateAudienceError, match="campaigns use 2"):
        iqm.keep_oldest()


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (IQMTransportError("lost", sent=True), True),
        (IQMTransportError("not connected", sent=False), False),
        (IQMServerError("504", status=504), True),
        (IQMServerError("500", status=500, from_iqm=True), True),
        (IQMInvalidAnswerError("no JSON", status=200), True),
        (IQMRequestError("a proxy's 404", status=404), True),
        (IQMRequestError("a proxy's 302", status=302), True),
        (IQMRequestError("IQM's 400", status=400, from_iqm=True), False),
        (IQMAuthenticationError("401", status=401), False),
        (IQMRateLimitError("429", status=429), False),
        (AudienceFileError("changed"), False),
    ],
)
def test_only_refusals_by_iqm_mean_that_nothing_was_created(error, may):
    assert may_have_created(error) is may


def test_statuses_of_unprocessed_content():
    assert [status for status in range(300, 500) if is_not_processed(IQMRequestError("", status=status))] == [
        *(301, 307, 308),
        *(407, 413),
    ]
