"""Changes which audiences campaigns target; the call is the same for all versions of IQM's API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypedDict

from airflow_provider_iqm.api.audience import read_audience_id
from airflow_provider_iqm.api.campaigns import Campaign, campaigns
from airflow_provider_iqm.api.request import Call, Request, json_body
from airflow_provider_iqm.api.session.login import Exchange, Login
from airflow_provider_iqm.exceptions import AudienceOptionError, CampaignTargetingError, IQMError, IQMRequestError
from airflow_provider_iqm.wording import count_of, display_name

MAX_REASON = 500
"""How many characters of IQM's reason for not changing a campaign are kept."""

MAX_SHOWN = 20
"""How many campaigns an error names one by one; its attributes have all."""

PG_REASON = "PG campaigns can't target audiences."

_PG_CAMPAIGNS = re.compile(r"PG campaigns\b[^[]*\[([\d,\s]*\]?)")
_PG_ID = re.compile(r"(\d{1,16})(?=\s*[],])")
"""A whole id; the last one of a text that was cut off isn't followed by anything."""


class FailedCampaign(TypedDict):
    """A campaign that IQM didn't change, and why not."""

    id: int
    reason: str


class TargetingResult(TypedDict):
    """Which campaigns were changed, and which weren't."""

    changed: list[int]
    failed: list[FailedCampaign]


@dataclass(frozen=True, kw_only=True)
class TargetingChange:
    """
    A change to the audiences that a campaign targets; all that isn't named stays as it is.

    :param include: Audiences to include: their members see the ads.
    :param exclude: Audiences to exclude: their members don't see the ads.
    :param remove: Audiences to remove, included or excluded.
    :raises AudienceOptionError: There is nothing to change, or an audience is in two of the lists.
    """

    include: Sequence[int] = ()
    exclude: Sequence[int] = ()
    remove: Sequence[int] = ()

    def __post_init__(self) -> None:
        lists = {"include": set(self.include), "exclude": set(self.exclude), "remove": set(self.remove)}
        if not any(lists.values()):
            raise AudienceOptionError("include, exclude and remove are empty: give at least one audience.")
        for (name, ids), (other, others) in combinations(lists.items(), 2):
            if ids & others:
                raise AudienceOptionError(f"Audience {min(ids & others)} is in {name} and in {other}. Leave one out.")


def change_for_all(campaign_ids: Iterable[int], change: TargetingChange) -> dict[int, TargetingChange]:
    """
    Return one change for several campaigns.

    :param campaign_ids: The campaigns.
    :param change: The change.
    :raises AudienceOptionError: There is no campaign.
    """
    changes = dict.fromkeys(campaign_ids, change)
    if not changes:
        raise AudienceOptionError("campaign_ids is empty: give at least one campaign.")
    return changes


def target(login: Login, changes: Mapping[int, TargetingChange]) -> Exchange[TargetingResult]:
    """
    Return the exchange that changes what campaigns target, in one request.

    IQM refuses the whole request for the sake of one PG campaign. Then the others are changed by a second request.

    :param login: The login.
    :param changes: Campaign id → its change.
    """
    pending = dict(changes)
    failed: dict[int, str] = {}
    while pending:
        try:
            failed |= yield from login.call(_target_call(pending))
            break
        except IQMRequestError as refused:
            pg_campaigns = _pg_campaigns(refused) & pending.keys()
            if not pg_campaigns:
                raise
        failed |= dict.fromkeys(sorted(pg_campaigns), PG_REASON)
        pending = {campaign_id: change for campaign_id, change in pending.items() if campaign_id not in pg_campaigns}
    return TargetingResult(
        changed=[campaign_id for campaign_id in changes if campaign_id not in failed],
        failed=[FailedCampaign(id=campaign_id, reason=reason) for campaign_id, reason in failed.items()],
    )


def target_all(login: Login, changes: Mapping[int, TargetingChange]) -> Exchange[list[int]]:
    """
    Return the exchange that changes what campaigns target, and fails unless all were changed.

    :param login: The login.
    :param changes: Campaign id → its change.
    :raises CampaignTargetingError: Some weren't changed; all others were.
    """
    result = yield from target(login, changes)
    if result["failed"]:
        yield from raise_failed(login, result)
    return result["changed"]


def raise_failed(login: Login, result: TargetingResult, consequence: str = "") -> Exchange[None]:
    """
    Return the exchange that raises the error that names campaigns that weren't changed.

    :param login: The login.
    :param result: Which campaigns were changed, and which weren't.
    :param consequence: What else wasn't done, as a sentence after a blank.
    :raises CampaignTargetingError: Always.
    """
    failed, unnamed = result["failed"], ""
    shown = failed[:MAX_SHOWN]
    known: dict[int, Campaign] = {}
    try:
        known = {campaign["id"]: campaign for campaign in (yield from campaigns(login, [each["id"] for each in shown]))}
    except IQMError as error:
        unnamed = f" Their names couldn't be read: {error}"
    total = len(result["changed"]) + len(failed)
    reasons = "; ".join(f"{_label(each['id'], known)}: {each['reason'].rstrip('.')}" for each in shown)
    more = f"; and {len(failed) - len(shown):,} more" if len(failed) > len(shown) else ""
    raise CampaignTargetingError(
        f"{len(failed):,} of {count_of(total, 'campaign')} not changed: {reasons}{more}. These still target what they "
        f"targeted before; all others were changed. Leave them out of campaign_ids, or make room in them (IQM allows "
        f"20 audiences per campaign).{consequence}{unnamed}",
        changed=result["changed"],
        failed={each["id"]: each["reason"] for each in failed},
    )


def _label(campaign_id: int, known: Mapping[int, Campaign]) -> str:
    if campaign_id not in known:
        return str(campaign_id)
    campaign = known[campaign_id]
    return f'{campaign_id} "{display_name(campaign["name"])}" ({display_name(campaign["status"])})'


def _target_call(changes: Mapping[int, TargetingChange]) -> Call[dict[int, str]]:
    # Both of the first lists must be there: without one of them, IQM answers 500.
    lists = {
        str(campaign_id): {
            "includedAudienceList": list(change.include),
            "excludedAudienceList": list(change.exclude),
            "removedAudienceList": list(change.remove),
        }
        for campaign_id, change in changes.items()
    }
    purpose = f"change the audiences of {count_of(len(changes), 'campaign')}"
    body, headers = json_body(lists)
    # Repeatable: the change is from any state to the same one.
    request = Request(
        purpose=purpose,
        method="POST",
        path="/api/v3/cmp/target/audience",
        headers=headers,
        body=body,
        partial_success="failedCampaigns",
    )

    def read(data: Any) -> dict[int, str]:
        if not isinstance(data["message"], str):
            raise TypeError("no confirmation")
        failed = {read_audience_id(key): _reason(reason) for key, reason in (data.get("failedCampaigns") or {}).items()}
        if not failed.keys() <= changes.keys():
            raise ValueError("a campaign that wasn't asked for")
        return failed

    return Call(request, read)


def _reason(value: Any) -> str:
    return display_name(str(value)[:MAX_REASON]) if value else "IQM gave no reason"


def _pg_campaigns(refused: IQMRequestError) -> set[int]:
    """Return the PG campaigns that a refusal names."""
    named = _PG_CAMPAIGNS.search(refused.detail) if refused.status == 422 else None
    return {int(campaign_id) for campaign_id in _PG_ID.findall(named[1])} if named else set()
