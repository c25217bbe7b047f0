"""Whatever a server answers, to whichever call: one of our errors, or a result that logs, XComs and JSON can hold."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.api.answer import Answer, read_envelope
from airflow_provider_iqm.api.answer_body import AnswerTooLargeError
from airflow_provider_iqm.api.audience import NewAudience
from airflow_provider_iqm.api.campaigns import audience_campaigns, campaign_ids, campaigns
from airflow_provider_iqm.api.dialects import API_VERSIONS, create_dialect
from airflow_provider_iqm.api.replacement.execution import execute_plan, replace_audience
from airflow_provider_iqm.api.replacement.plan import plan_replacement
from airflow_provider_iqm.api.request import Request
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.api.targeting import TargetingChange, target_all
from airflow_provider_iqm.exceptions import IQMApiError, IQMError, IQMInvalidAnswerError, IQMTransportError

CREDENTIALS = Credentials(email="e", password="p", client_id="c", client_secret="s", workspace_host="app.iqm.com")
AUDIENCE = NewAudience(
    name="List",
    columns={"mail": "Email"},
    settings={"Email": "SHA256"},
    key_fields=["Email"],
    single_column=True,
    file_name="list.csv",
    media_type="text/csv",
    file_bytes=42,
    file_columns=["mail"],
    samples={"mail": ["a"]},
    records=2,
)
CALLS = {
    "columns": lambda iqm: iqm.column_list(),
    "partners": lambda iqm: iqm.data_partners(),
    "formats": lambda iqm: iqm.data_formats(),
    "details": lambda iqm: iqm.details(7),
    "find": lambda iqm: iqm.find("List"),
    "search": lambda iqm: iqm.search(""),
    "listed": lambda iqm: iqm.listed([7, 8]),
    "delete": lambda iqm: iqm.delete([7]),
    "in use": lambda iqm: iqm.is_in_use(7),
    "campaigns of one": lambda iqm: audience_campaigns(iqm.login, [7]),
    "campaigns of two": lambda iqm: audience_campaigns(iqm.login, [7, 8]),
    "campaign ids of one": lambda iqm: campaign_ids(iqm.login, [7]),
    "campaign ids of two": lambda iqm: campaign_ids(iqm.login, [7, 8]),
    "campaigns": lambda iqm: campaigns(iqm.login, [5, 6]),
    "targeting": lambda iqm: target_all(iqm.login, {5: TargetingChange(include=[7]), 6: TargetingChange(remove=[8])}),
    "uses": lambda iqm: iqm.uses([7, 8]),
    "replacement": lambda iqm: replace_audience(iqm, 8, 7),
    "replacement in campaigns": lambda iqm: replace_audience(iqm, 8, 7, [5, 6]),
    "replacement of two": lambda iqm: plan_and_execute(iqm, [8, 9], 7, [5]),
    "mapping": lambda iqm: iqm.check_mapping(AUDIENCE),
    "token": lambda iqm: iqm.login._log_in(),
    "renewal": lambda iqm: iqm.login._renew(Token("a", "r", "", 100.0)),
}


def plan_and_execute(iqm, old, new, campaign_ids):
    plan = yield from plan_replacement(iqm, old, new, campaign_ids, may_be_deleted=True)
    return (yield from execute_plan(iqm, plan, old))


HUGE = "an integer of 5,000 digits"
DEEP = '"deeply nested"'


class Shared:
    """A token that is there already."""

    def lock(self):
        return nullcontext()

    def read(self):
        return Token("a", "r", "w", 35_999.0)

    def write(self, token):
        assert token.expires_in == token.expires_in


def iqm(version):
    return create_dialect(
        version, CREDENTIALS, on_token=lambda token: token.secrets, shared=Shared(), clock=lambda: 1.0
    )


def drive(exchange, answers, most=5):
    """Run an exchange against answers, the last of which is repeated; after the most requests, one gets none."""
    step = exchange.send
    value = None
    for number in range(most + 1):
        try:
            request = step(value)
        except StopIteration as done:
            return done.value
        try:
            if number == most:
                raise IQMTransportError("enough")
            step, value = exchange.send, read_envelope(answers[min(number, len(answers) - 1)], request)
        except IQMError as error:
            step, value = exchange.throw, error
        except AnswerTooLargeError:
            step, value = exchange.throw, IQMTransportError("too large")
    raise AssertionError("it goes on after an error")


def check(call, version, answers):
    try:
        result = drive(CALLS[call](iqm(version)), answers)
    except IQMError as error:
        result, failed = None, error
    else:
        failed = None
    retry_after = getattr(failed, "retry_after", None)
    assert retry_after is None or 0 <= retry_after <= 7 * 24 * 60 * 60
    assert len(str(failed).encode()) < 5000
    if not isinstance(result, Token):
        json.dumps(result, allow_nan=False, ensure_ascii=False).encode()


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -1, 0, 2**63, 1e308, 1.9, HUGE, float("inf"), float("nan")]),
)
TEXTS = st.one_of(
    st.text(st.characters(), max_size=8),
    st.sampled_from(
        ["NaN", "1e999", "-Infinity", "٣", "a\r\nX-Evil: 1", "\ud800", "é", "\x00", "\x1b[31m", "9" * 5000]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.just(DEEP)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)

ENTRY = {"id": 3, "name": "Email", "displayName": "Email", "label": "E", "key": "Email", "keyName": "E", "l2Name": "x"}
DETAILS = {
    "id": 7,
    "audienceId": 7,
    "audienceName": "List",
    "status": "Ready",
    "audienceStatusId": 9,
    "matchRate": 50.5,
    "uniques": 10,
    "reach": 10,
    "fileTotalCount": "5",
    "fileRowCount": 5,
    "dataCost": 1.5,
    "cpm": 1.5,
    "metadata": '{"rows": 5, "fileName": "x.csv"}',
    "s3FileName": "1_x.csv",
    "rejectionReason": "no",
    "whitelistedCampaignIds": [5],
    "blacklistedCampaignIds": [],
    "includedCampaignList": [5],
    "excludedCampaignList": [6],
    "runningCampaignCount": 2,
    "createdOn": 1_700_000_000,
}
TOKEN = {"access_token": "b", "refresh_token": "r", "owId": 200001, "expires_in": 35999}
ERROR = {"success": False, "errorObjects": [{"error": "no", "reason": "why", "field": "columnMappings[0].id"}]}
DOCUMENTS = {
    "columns": {"success": True, "data": [{**ENTRY, "order": 1, "dataFormatIds": [1]}]},
    "classic columns": {"statusCode": 200, "responseObject": {"mandatoryColumns": [ENTRY], "optionalColumns": []}},
    "combinations": {"success": True, "data": [{"id": 1, "columnIds": [3], "order": 1, "name": "x"}]},
    "details": {"statusCode": 200, "responseObject": DETAILS},
    "list": {"statusCode": 200, "responseObject": [{**DETAILS, "audienceTypeId": 1}]},
    "page": {"success": True, "data": {"filteredRecords": 5, "audienceList": [DETAILS], "audienceSubtypes": [ENTRY]}},
    "deleted": {"success": True, "data": {"audienceSuccessfulIds": "1,2", "failedAudienceIds": [1]}},
    "campaigns": {"success": True, "data": {"data": [{"campaignId": 5, "name": "Summer", "status": "running"}]}},
    "some failed": {"success": False, "data": {"message": "saved", "failedCampaigns": {"5": "20 audiences."}}},
    "PG": {"success": False, "errorObjects": [{"error": "One or more campaigns are PG campaigns: [5, 6]"}]},
    "token": {"success": True, "data": TOKEN},
    "bare token": TOKEN,
    "error": ERROR,
    "classic error": {"statusCode": 422, "responseObject": {"errorMsg": "no", "errorCode": 1}},
    "on hold": {"success": False, "data": {"status": "On Hold", "reason": "why", "supportEmail": "x@iqm.com"}},
}


@st.composite
def mutated(draw, value):
    """Draw a document in which a value here and there is something else, or missing."""
    fate = draw(st.integers(0, 19))
    if fate == 0:
        return draw(VALUES)
    if isinstance(value, dict):
        return {key: draw(mutated(item)) for key, item in value.items() if draw(st.integers(0, 19))}
    if isinstance(value, list):
        return [draw(mutated(item)) for item in value]
    return value


def body_of(document):
    text = json.dumps(document).replace(f'"{HUGE}"', "7" * 5000)
    return text.replace(json.dumps(DEEP), "[" * 100_000 + "]" * 100_000).encode()


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Retry-After": st.one_of(
            TEXTS,
            st.sampled_from(
                [
                    "1e999",
                    "nan",
                    "-5",
                    "9" * 400,
                    "Fri, 31 Dec 9999 23:59:59 -2359",
                    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
                    "Mon, 01 Jan 0001 00:00:00 +2359",
                ]
            ),
        ),
        "Content-Type": TEXTS,
        "Content-Encoding": st.sampled_from(["identity", "gzip", "br", "deflate, gzip", ",,", "\x00"]),
    },
)
STATUSES = st.sampled_from([200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 405, 408, 422, 429, 500, 599])


@st.composite
def answers(draw):
    document = draw(mutated(DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))]))
    return Answer(draw(STATUSES), draw(HEADERS), body_of(document))


LIMITS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("version", API_VERSIONS)
@pytest.mark.parametrize("call", CALLS)
@LIMITS
@given(given_answers=st.lists(answers(), min_size=1, max_size=3))
def test_nearly_valid_documents(call, version, given_answers):
    check(call, version, given_answers)


@pytest.mark.parametrize("version", API_VERSIONS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_any_value_can_be_anything(call, version, document):
    for answer in wrong_answers(document):
        check(call, version, [answer])


def of_v3(audience_id, included=(), excluded=()):
    return {
        "audienceId": audience_id,
        "includedCampaignList": list(included),
        "excludedCampaignList": list(excluded),
    }


def of_classic(audience_id, included=0, excluded=0):
    counts = {"included": included, "excluded": excluded}
    return {"statusCode": 200, "responseObject": {**DETAILS, "id": audience_id, "metadata": "{}", **counts}}


SAVED = {"success": True, "data": {"message": "saved"}}
REPLACEMENTS = {
    "v3": [
        {"success": True, "data": {"audienceId": 7, "audienceName": "List", "audienceStatusId": 3}},
        {"success": True, "data": {"audienceList": [of_v3(7), of_v3(8, [5], [6])]}},
        SAVED,
        {"success": True, "data": {"audienceList": [of_v3(7, [5], [6]), of_v3(8)]}},
        {"success": True, "data": {"successfulAudienceIds": [8], "failedAudienceIds": []}},
    ],
    "classic": [
        of_classic(7),
        of_classic(8, included=1),
        of_classic(7),
        SAVED,
        of_classic(8),
        of_classic(7, included=1),
        {"statusCode": 200, "responseObject": {"audienceSuccessfulIds": "8", "audienceFailedIds": ""}},
    ],
}
"""The answers to a replacement of audience 8 by 7, in order."""


@pytest.mark.parametrize("version", API_VERSIONS)
def test_any_value_in_responses_to_a_replacement_can_be_anything(version):
    right = [Answer(200, {}, body_of(document)) for document in REPLACEMENTS[version]]

    def outcome(answers):
        """Return the result, or the text of the error."""
        try:
            done = drive(replace_audience(iqm(version), 8, 7, [5]), answers, most=20)
        except IQMError as error:
            return str(error)
        return json.loads(json.dumps(done, allow_nan=False, ensure_ascii=False).encode())

    assert outcome(right)["deleted"] == [8]
    for position, document in enumerate(REPLACEMENTS[version]):
        for wrong in wrong_answers_for(document):
            assert len(outcome([*right[:position], wrong, *right[position + 1 :]])) < 5000


@cache
def wrong_answers(document):
    """A document once for each of its values and each that could be in its place."""
    return wrong_answers_for(DOCUMENTS[document])


def wrong_answers_for(right):
    return [
        Answer(200, {}, body_of(replaced(right, path, wrong)))
        for wrong in ([], {}, None, True, -1, 1.9, 10**400, float("inf"), "", "\ud800", "a\nb", HUGE, DEEP, [[]], [{}])
        for path in paths(right)
    ]


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    key, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = replaced(copy[key], rest, new)
    return copy


@LIMITS
@given(body=st.binary(), status=STATUSES, headers=HEADERS)
@example(b"[" * 100_000, 200, {})
@example(b'{"a":' * 100_000, 200, {})
@example(b"7" * 5000, 200, {})
@example(b"1e999", 200, {})
@example(b"-Infinity", 200, {})
@example(b"NaN", 200, {})
@example(b'"\xff\xfe"', 200, {"Content-Type": "application/json; charset=latin-1"})
@example('"ä"'.encode("latin-1"), 200, {"Content-Type": "application/json; charset=utf-8"})
@example("{}".encode("utf-16"), 200, {})
@example(b"\xef\xbb\xbf[]", 200, {})
@example(b"[" + b"[]," * 3_000_000 + b"[]]", 200, {})
def test_any_bytes(body, status, headers):
    try:
        read_envelope(Answer(status, headers, body), Request(purpose="ask", method="GET", path="/"))
    except IQMApiError as error:
        str(error).encode()


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"1e999", b"Infinity", b"NaN", b"7" * 5000, b"\xff", b"[" + b"[]," * 3_000_000 + b"[]]"]
)
def test_invalid_json(body):
    with pytest.raises(IQMInvalidAnswerError, match="isn't JSON"):
        read_envelope(Answer(200, {}, body), Request(purpose="ask", method="GET", path="/"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "tökén"},
        {"access_token": "a" * 100_000},
        {"access_token": "\ud800"},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": None},
        {"owId": "1\r\nX-Evil: 1"},
        {"owId": "wörkspace"},
        {"owId": "\ud800"},
        {"owId": "\x00"},
        {"owId": [1]},
        {"owId": True},
        {"owId": 1.5},
        {"refresh_token": ["r"]},
        {"expires_in": "1e999"},
        {"expires_in": "nan"},
        {"expires_in": 10**400},
        {"expires_in": [1]},
    ],
)
@pytest.mark.parametrize("call", ["token", "renewal"])
def test_invalid_tokens(call, wrong):
    answer = Answer(200, {}, body_of({"success": True, "data": {**TOKEN, **wrong}}))
    if call == "token" or wrong == {"access_token": 5}:
        with pytest.raises(IQMInvalidAnswerError, match="not as documented"):
            drive(CALLS["token"](iqm("classic")), [answer])
    else:
        # An invalid renewal is followed by a login.
        good = Answer(200, {}, body_of(DOCUMENTS["token"]))
        assert drive(CALLS[call](iqm("classic")), [answer, good]).access_token == "b"


@pytest.mark.parametrize("field", ["matchRate", "uniques", "dataCost", "fileTotalCount"])
@pytest.mark.parametrize("wrong", [1e300, 2**63, "1e999", "NaN", True, [1], "many"])
def test_invalid_numbers(field, wrong):
    answer = Answer(200, {}, body_of({"statusCode": 200, "responseObject": {**DETAILS, field: wrong}}))
    with pytest.raises(IQMInvalidAnswerError, match="not as documented"):
        drive(CALLS["details"](iqm("classic")), [answer])


def test_unpaired_surrogates_are_replaced():
    name = {**DETAILS, "audienceName": "a\ud800b 😀"}
    answer = Answer(200, {}, body_of({"statusCode": 200, "responseObject": name}))
    assert drive(CALLS["details"](iqm("classic")), [answer])["name"] == "a\ufffdb 😀"


def test_paging_ends_when_a_page_repeats():
    class Rows:
        asked = 0

        def answer(self):
            self.asked += 1
            rows = [{**DETAILS, "audienceId": number, "audienceStatusId": 3} for number in range(1, 1001)]
            return {"filteredRecords": 10**12, "audienceList": rows}

    rows = Rows()
    exchange = iqm("v3").search("")
    value = None
    try:
        while True:
            exchange.send(value)
            value = rows.answer()
    except StopIteration as done:
        found = done.value
    assert (len(found), rows.asked) == (1000, 2)
