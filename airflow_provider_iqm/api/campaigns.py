"""Reads which campaigns use an audience, and names and statuses of campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from airflow_provider_iqm.api.audience import MATCHED_AUDIENCE_TYPE, read_audience_id
from airflow_provider_iqm.api.request import Call, Request, Result, json_body
from airflow_provider_iqm.api.session.login import Exchange, Login
from airflow_provider_iqm.api.values import number_or_none
from airflow_provider_iqm.exceptions import AudienceNotFoundError, IQMError
from airflow_provider_iqm.wording import count_of

Role = Literal["included", "excluded"]
"""The role of an audience in a campaign."""

AUDIENCES_PER_REQUEST = 1000
"""The maximum page size of IQM's list of audiences."""

CAMPAIGNS_PER_REQUEST = 500
"""The maximum page size of IQM's list of campaigns."""


class AudienceCampaigns(TypedDict):
    """
    The campaigns that use an audience.

    ``included`` and ``excluded`` are campaign ids. The counts are of campaigns by status; they are ``None`` for a
    request about one audience, whose response lacks them.
    """

    audience_id: int
    included: list[int]
    excluded: list[int]
    running: int | None
    pending: int | None
    paused: int | None
    expired: int | None


class CampaignIds(TypedDict):
    """The ids of the campaigns that include or exclude at least one of the requested audiences."""

    included: list[int]
    excluded: list[int]


@dataclass(frozen=True, kw_only=True)
class AudienceUse:
    """
    How campaigns use an audience.

    :param used: Whether any campaign uses it.
    :param roles: Its roles in all campaigns.
    :param campaigns: Campaign id → its roles; None if IQM only counts the campaigns (classic).
    """

    used: bool
    roles: frozenset[Role]
    campaigns: Mapping[int, frozenset[Role]] | None


class Campaign(TypedDict):
    """A campaign's id, name and status (as IQM spells it: ``running``)."""

    id: int
    name: str
    status: str


def audience_campaigns(login: Login, audience_ids: Iterable[int]) -> Exchange[list[AudienceCampaigns]]:
    """
    Return the exchange that lists which campaigns use audiences, in the order of their ids (v3 only).

    This takes one request for up to 1,000 audiences, and one for each audience that IQM doesn't list (yet).

    :param login: The login.
    :param audience_ids: The audiences.
    :raises AudienceNotFoundError: The account has no such audience.
    """
    ids = list(dict.fromkeys(audience_ids))
    found: dict[int, AudienceCampaigns] = {}
    if len(ids) > 1:
        found = yield from listed_campaigns(login, ids)
    for audience_id in ids:
        if audience_id not in found:
            found[audience_id] = yield from login.call(_details_call(audience_id))
    return [found[audience_id] for audience_id in ids]


def listed_campaigns(login: Login, audience_ids: Iterable[int]) -> Exchange[dict[int, AudienceCampaigns]]:
    """
    Return the exchange that reads in IQM's list which campaigns use audiences (v3 only); it may lack some audiences.

    :param login: The login.
    :param audience_ids: The audiences.
    """
    wanted = sorted(set(audience_ids))
    found: dict[int, AudienceCampaigns] = {}
    for ids in _chunks(wanted, AUDIENCES_PER_REQUEST):
        found |= {row["audience_id"]: row for row in (yield from login.call(_list_call(ids)))}
    return {audience_id: found[audience_id] for audience_id in wanted if audience_id in found}


def campaign_ids(login: Login, audience_ids: Iterable[int]) -> Exchange[CampaignIds]:
    """
    Return the exchange that reads which campaigns use audiences, for a report (v3 only).

    This takes one request for up to 1,000 audiences, without retries.

    :param login: The login.
    :param audience_ids: The audiences.
    :raises IQMError: IQM's list lacks some of them.
    """
    ids = sorted(set(audience_ids))
    found: dict[int, AudienceCampaigns] = {}
    if len(ids) == 1:
        found[ids[0]] = yield from login.call(_optional(_details_call(ids[0])))
    else:
        for chunk in _chunks(ids, AUDIENCES_PER_REQUEST):
            found |= {row["audience_id"]: row for row in (yield from login.call(_optional(_list_call(chunk))))}
    if missing := len(set(ids) - found.keys()):
        label = count_of(len(ids), "audience")
        raise IQMError(f"Failed to read which campaigns use {label}: IQM doesn't list {missing:,} of them yet.")
    used = [found[audience_id] for audience_id in ids]
    return CampaignIds(
        included=list(dict.fromkeys(each for audience in used for each in audience["included"])),
        excluded=list(dict.fromkeys(each for audience in used for each in audience["excluded"])),
    )


def audience_uses(login: Login, audience_ids: Sequence[int]) -> Exchange[dict[int, AudienceUse]]:
    """
    Return the exchange that reads how campaigns use audiences (v3 only); the result lacks unknown audiences.

    This takes one request, and one for each audience that IQM doesn't list (yet).

    :param login: The login.
    :param audience_ids: The audiences.
    """
    found = yield from listed_campaigns(login, audience_ids)
    for audience_id in audience_ids:
        if audience_id not in found:
            try:
                found[audience_id] = yield from login.call(_details_call(audience_id))
            except AudienceNotFoundError:
                continue
    return {audience_id: _use_of(each) for audience_id, each in found.items()}


def campaigns(login: Login, campaign_ids: Iterable[int]) -> Exchange[list[Campaign]]:
    """
    Return the exchange that reads names and statuses of campaigns; the result lacks unknown campaigns.

    :param login: The login.
    :param campaign_ids: The campaigns; up to 500 per request.
    """
    wanted = list(dict.fromkeys(campaign_ids))
    found: dict[int, Campaign] = {}
    for ids in _chunks(wanted, CAMPAIGNS_PER_REQUEST):
        found |= {campaign["id"]: campaign for campaign in (yield from login.call(_campaigns_call(ids)))}
    return [found[campaign_id] for campaign_id in wanted if campaign_id in found]


def _use_of(used_by: AudienceCampaigns) -> AudienceUse:
    roles: dict[int, frozenset[Role]] = {}
    ids: Mapping[Role, list[int]] = {"included": used_by["included"], "excluded": used_by["excluded"]}
    for role, campaign_ids in ids.items():
        for campaign_id in campaign_ids:
            roles[campaign_id] = roles.get(campaign_id, frozenset()) | {role}
    counts = (used_by["running"], used_by["pending"], used_by["paused"], used_by["expired"])
    return AudienceUse(
        used=bool(roles) or any(counts),
        roles=frozenset(role for role, campaign_ids in ids.items() if campaign_ids),
        campaigns=roles,
    )


def _details_call(audience_id: int) -> Call[AudienceCampaigns]:
    request = Request(
        purpose=f"read which campaigns use audience {audience_id}",
        method="GET",
        path=f"/api/v3/audience/matched/{audience_id}",
        params={"campaignTargetingRequired": "true"},
        names_audience=True,
    )

    def read(data: Any) -> AudienceCampaigns:
        if read_audience_id(data["audienceId"]) != audience_id:
            raise ValueError("another audience")
        included, excluded = data["whitelistedCampaignIds"], data["blacklistedCampaignIds"]
        return AudienceCampaigns(
            audience_id=audience_id,
            included=_read_ids(included),
            excluded=_read_ids(excluded),
            running=None,
            pending=None,
            paused=None,
            expired=None,
        )

    return Call(request, read)


def _list_call(audience_ids: Sequence[int]) -> Call[list[AudienceCampaigns]]:
    search = {
        "audienceTypeIds": [MATCHED_AUDIENCE_TYPE],
        "audienceIds": list(audience_ids),
        "pageNo": 1,
        "noOfEntries": AUDIENCES_PER_REQUEST,
    }
    purpose = f"read which campaigns use {count_of(len(audience_ids), 'audience')}"
    request = _search(purpose, "/api/v3/audience/list", search)
    return Call(request, lambda data: [_read_use(row) for row in data["audienceList"]])


def _read_use(row: Mapping[str, Any]) -> AudienceCampaigns:
    return AudienceCampaigns(
        audience_id=read_audience_id(row["audienceId"]),
        included=_read_ids(row["includedCampaignList"]),
        excluded=_read_ids(row["excludedCampaignList"]),
        running=number_or_none(row.get("runningCampaignCount"), int),
        pending=number_or_none(row.get("pendingCampaignCount"), int),
        paused=number_or_none(row.get("pausedCampaignCount"), int),
        expired=number_or_none(row.get("expiredCampaignCount"), int),
    )


def _campaigns_call(campaign_ids: Sequence[int]) -> Call[list[Campaign]]:
    purpose = f"read the names of {count_of(len(campaign_ids), 'campaign')}"
    search = {"campaignIds": list(campaign_ids), "pageNo": 1, "noOfEntries": CAMPAIGNS_PER_REQUEST}
    request = _search(purpose, "/api/v3/cmp/basic/list", search)
    return Call(request, lambda data: [_read_campaign(row) for row in data["data"]])


def _read_campaign(row: Mapping[str, Any]) -> Campaign:
    return Campaign(id=read_audience_id(row["campaignId"]), name=str(row["name"]), status=str(row["status"]))


def _optional(call: Call[Result]) -> Call[Result]:
    return replace(call, request=replace(call.request, optional=True))


def _search(purpose: str, path: str, search: Mapping[str, Any]) -> Request:
    body, headers = json_body(search)
    return Request(purpose=purpose, method="POST", path=path, headers=headers, body=body)


def _read_ids(value: Any) -> list[int]:
    if not isinstance(value, list):
        raise TypeError("not a list of ids")
    return list(dict.fromkeys(map(read_audience_id, value)))


def _chunks(ids: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
