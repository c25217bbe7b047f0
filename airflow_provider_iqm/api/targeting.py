"""Changes which audiences campaigns target; all versions of IQM's API use the same call."""

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
"""The maximum length of IQM's reason for not changing a campaign."""

MAX_SHOWN = 20
"""The maximum number of campaigns in an error message; the error's attributes have all."""

PG_REASON = "PG campaigns can't target audiences."

_PG_CAMPAIGNS = re.compile(r"PG campaigns\b[^[]*\[([\d,\s]*\]?)")
_PG_ID = re.compile(r"(\d{1,16})(?=\s*[],])")
"""A complete id: at the end of a truncated text, an id may be incomplete."""


class FailedCampaign(TypedDict):
    """A campaign that IQM didn't change, and the reason."""

    id: int
    reason: str


class TargetingResult(TypedDict):
    """The campaigns that were changed, and those that weren't."""

    changed: list[int]
    failed: list[FailedCampaign]


@dataclass(frozen=True, kw_only=True)
class TargetingChange:
    """
    A change to the audiences that a campaign targets; other audiences are unchanged.

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
            raise AudienceOptionError("include, exclude and remove are empty. Set at least one audience.")
        for (name, ids), (other, others) in combinations(lists.items(), 2):
            if ids & others:
                raise AudienceOptionError(
                    f"Audience {min(ids & others)} is in both {name} and {other}. Remove it from one of them."
                )


def change_for_all(campaign_ids: Iterable[int], change: TargetingChange) -> dict[int, TargetingChange]:
    """
    Return the same change for several campaigns.

    :param campaign_ids: The campaigns.
    :param change: The change.
    :raises AudienceOptionError: ``campaign_ids`` is empty.
    """
    changes = dict.fromkeys(campaign_ids, change)
    if not changes:
        raise AudienceOptionError("campaign_ids is empty. Set at least one campaign.")
    return changes


def target(login: Login, changes: Mapping[int, TargetingChange]) -> Exchange[TargetingResult]:
    """
    Return the exchange that changes what campaigns target, in one request.

    IQM refuses the whole request if it has a PG campaign; a second request then changes the others.

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
    Return the exchange that changes what campaigns target, and fails unless all of them were changed.

    :param login: The login.
    :param changes: Campaign id → its change.
    :raises CampaignTargetingError: Some campaigns weren't changed; all others were.
    """
    result = yield from target(login, changes)
    if result["failed"]:
        yield from raise_failed(login, result)
    return result["changed"]


def raise_failed(login: Login, result: TargetingResult, consequence: str = "") -> Exchange[None]:
    """
    Return the exchange that raises the error for campaigns that weren't changed, with their names.

    :param login: The login.
    :param result: The campaigns that were changed, and those that weren't.
    :param consequence: A sentence, after a space, about what else wasn't done.
    :raises CampaignTargetingError: Always.
    """
    failed, unnamed = result["failed"], ""
    shown = failed[:MAX_SHOWN]
    known: dict[int, Campaign] = {}
    try:
        known = {campaign["id"]: campaign for campaign in (yield from campaigns(login, [each["id"] for each in shown]))}
    except IQMError as error:
        unnamed = f" Could not read the campaigns' names: {error}"
    total = len(result["changed"]) + len(failed)
    reasons = "; ".join(f"{_label(each['id'], known)}: {each['reason'].rstrip('.')}" for each in shown)
    more = f"; and {len(failed) - len(shown):,} more" if len(failed) > len(shown) else ""
    raise CampaignTargetingError(
        f"{len(failed):,} of {count_of(total, 'campaign')} not changed: {reasons}{more}. Their targeting is the same "
        f"as before; all others were changed. Remove them from campaign_ids, or remove audiences from them (IQM allows "
        f"20 per campaign).{consequence}{unnamed}",
        changed=result["changed"],
        failed={each["id"]: each["reason"] for each in failed},
    )


def _label(campaign_id: int, known: Mapping[int, Campaign]) -> str:
    if campaign_id not in known:
        return str(campaign_id)
    campaign = known[campaign_id]
    return f'{campaign_id} "{display_name(campaign["name"])}" ({display_name(campaign["status"])})'


def _target_call(changes: Mapping[int, TargetingChange]) -> Call[dict[int, str]]:
    # The first two lists are required: without one of them, IQM returns HTTP 500.
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
    # Repeatable: the result doesn't depend on the state before.
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
            raise ValueError("a campaign that wasn't in the request")
        return failed

    return Call(request, read)


def _reason(value: Any) -> str:
    return display_name(str(value)[:MAX_REASON]) if value else "IQM gave no reason"


def _pg_campaigns(refused: IQMRequestError) -> set[int]:
    """Return the PG campaigns that a refusal names."""
    named = _PG_CAMPAIGNS.search(refused.detail) if refused.status == 422 else None
    return {int(campaign_id) for campaign_id in _PG_ID.findall(named[1])} if named else set()
