"""
Replaces an audience by another one in all campaigns that use it.

Each campaign gets the new audience and loses the old one in one request, so that it targets one of them at any moment.
IQM is asked before and after: what it says is the truth, so an exchange that was cut off anywhere can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.campaigns import AudienceUse, Role
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.targeting import FailedCampaign, TargetingChange, TargetingResult, raise_failed, target
from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    AudienceOptionError,
    IQMError,
    IQMFinalError,
    IQMRequestError,
)
from airflow_provider_iqm.vocabulary import AudienceStatus

Uses = Mapping[int, AudienceUse]


class Replacement(TypedDict):
    """
    What a replacement has come to.

    ``included`` and ``excluded`` are the ids of the campaigns that include or exclude the new audience now.
    ``deleted`` are the replaced audiences that IQM no longer has, ``in_use`` those that were kept because campaigns
    use them.
    """

    old_audience_ids: list[int]
    new_audience_id: int
    included: list[int]
    excluded: list[int]
    deleted: list[int]
    in_use: list[int]


@dataclass(frozen=True, kw_only=True)
class ReplacementPlan:
    """
    What is to be changed, so that campaigns target the new audience instead of the old one.

    :param old: The audiences to take out; without any, the new one is only put in.
    :param new: The audience to put in.
    :param changes: Campaign id → the role of the new audience, for the campaigns to change.
    :param done: The same for the campaigns that target the new audience already.
    :param failed: Campaign id → why the campaign can't be changed.
    :param everywhere: Whether all campaigns that use the old audiences are to be changed.
    :param uses: What uses the audiences now.
    """

    old: Sequence[int]
    new: int
    changes: Mapping[int, Role]
    done: Mapping[int, Role] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)
    everywhere: bool = True
    uses: Uses = field(default_factory=dict, repr=False)

    @property
    def campaigns(self) -> dict[int, Role]:
        """The role of the new audience in each campaign, once the plan is carried out."""
        return {**self.done, **self.changes}

    @property
    def untouched(self) -> bool:
        """Whether no campaign uses any of the audiences."""
        return not any(use.used for use in self.uses.values())

    def change(self, campaign_id: int) -> TargetingChange:
        """
        Return the change to a campaign.

        :param campaign_id: The campaign.
        """
        included = self.changes[campaign_id] == "included"
        known = {audience_id: self.uses[audience_id].campaigns for audience_id in self.old if audience_id in self.uses}
        return TargetingChange(
            include=[self.new] if included else [],
            exclude=[] if included else [self.new],
            remove=[each for each, campaigns in known.items() if campaigns is None or campaign_id in campaigns],
        )


def check_ready(iqm: Dialect, audience_id: int) -> Exchange[MatchedAudience]:
    """
    Return the exchange that reads an audience, and checks that it is ready for campaigns.

    :param iqm: IQM's API.
    :param audience_id: The audience.
    :raises AudienceNotFoundError: The account has no such audience.
    :raises IQMFinalError: The audience isn't ready.
    """
    audience = yield from iqm.details(audience_id)
    if audience["status"] != AudienceStatus.READY:
        raise IQMFinalError(
            f"Audience {audience_id} is {audience['status']}, so it can't replace another one. Nothing was changed. "
            "Wait until it is Ready."
        )
    return audience


def plan_replacement(
    iqm: Dialect,
    old: Sequence[int],
    new: int,
    campaign_ids: Iterable[int] | None = None,
    *,
    known: Mapping[int, Role] | None = None,
    old_may_be_gone: bool = False,
) -> Exchange[ReplacementPlan]:
    """
    Return the exchange that finds out what is to be changed; it changes nothing.

    :param iqm: IQM's API.
    :param old: The audiences to take out: one, or several where earlier replacements weren't finished; none to put the
        new one in only.
    :param new: The audience to put in.
    :param campaign_ids: The campaigns; default: those that include or exclude the old audiences (v3 only).
    :param known: Campaign id → role, as an earlier try has planned it.
    :param old_may_be_gone: Whether an earlier try may have deleted the old audiences.
    :raises AudienceOptionError: This version of the API can't tell which campaigns use an audience, or in which role,
        or it isn't clear which role the new one is to have in a given campaign.
    :raises AudienceNotFoundError: The account has no such audience.
    """
    if new in old:
        raise AudienceOptionError(f"Audience {new} can't replace itself. Give two audiences.")
    ids = [*old, new]
    uses = yield from iqm.uses(ids)
    if new not in uses:
        raise _not_found(new)
    if old and uses.keys().isdisjoint(old) and not old_may_be_gone and not uses[new].used:
        raise _not_found(old[0])
    everywhere = campaign_ids is None
    recorded = dict(known or {})
    if uses[new].campaigns is None:
        if campaign_ids is None:
            raise AudienceOptionError(
                "campaign_ids is missing: the classic API doesn't tell which campaigns use an audience. Give the ids."
            )
        return _plan_by_counts(uses, old, new, campaign_ids, recorded)
    old_roles, new_roles = _roles(uses, *old), _roles(uses, new)
    # After a change that was cut off, some campaigns have their role at the new audience.
    common = frozenset[Role]().union(*old_roles.values(), *new_roles.values()) or frozenset[Role](("included",))
    changes: dict[int, Role] = {}
    done: dict[int, Role] = {}
    failed: dict[int, str] = {}
    for campaign_id in dict.fromkeys([*old_roles, *recorded, *new_roles] if campaign_ids is None else campaign_ids):
        before, after = old_roles.get(campaign_id, frozenset()), new_roles.get(campaign_id, frozenset())
        if before and len(before | after) > 1:
            failed[campaign_id] = f"It includes one of the audiences {', '.join(map(str, ids))} and excludes one"
        elif after and not before:
            done[campaign_id] = min(after)
        elif before or campaign_id in recorded:
            changes[campaign_id] = _only(before) if before else recorded[campaign_id]
        elif len(common) == 1:
            changes[campaign_id] = _only(common)
        else:
            raise AudienceOptionError(
                f"Campaign {campaign_id} in campaign_ids doesn't use {_named([*old, new])}. Some of the others include "
                "and some exclude it, so the role in this one isn't clear. Nothing was changed. Include or exclude "
                f"{new} in the campaign by TargetAudienceOperator, or leave the campaign out of campaign_ids."
            )
    return ReplacementPlan(
        old=old, new=new, changes=changes, done=done, failed=failed, everywhere=everywhere, uses=uses
    )


def carry_out(iqm: Dialect, plan: ReplacementPlan, delete: Sequence[int] = ()) -> Exchange[Replacement]:
    """
    Return the exchange that changes the campaigns, verifies it, and deletes audiences that no campaign uses any more.

    :param iqm: IQM's API.
    :param plan: What is to be changed.
    :param delete: Those of the plan's old audiences to delete.
    :raises CampaignTargetingError: Some campaigns can't be changed; all others were. Nothing is deleted.
    :raises IQMError: A campaign isn't as it should be after the change. Nothing is deleted; a retry changes it again.
    """
    result = TargetingResult(changed=[], failed=[])
    uses = plan.uses
    if plan.changes:
        result = yield from target(iqm.login, {key: plan.change(key) for key in plan.changes})
        uses = yield from iqm.uses(list(plan.uses))
    result = _corrected(plan, result, uses)
    yield from _verify(iqm, plan, result, uses)
    failed = [FailedCampaign(id=key, reason=reason) for key, reason in plan.failed.items()] + result["failed"]
    if failed:
        done = TargetingResult(changed=[*plan.done, *result["changed"]], failed=failed)
        kept = f" Nothing is deleted: they may still use {_named(plan.old)}." if plan.old else ""
        yield from raise_failed(iqm.login, done, kept)
    in_use = [audience_id for audience_id in delete if audience_id in uses and uses[audience_id].used]
    unused = [audience_id for audience_id in delete if audience_id in uses and not uses[audience_id].used]
    if unused:
        yield from _delete(iqm, unused)
    return Replacement(
        old_audience_ids=list(plan.old),
        new_audience_id=plan.new,
        included=[key for key, role in plan.campaigns.items() if role == "included"],
        excluded=[key for key, role in plan.campaigns.items() if role == "excluded"],
        deleted=[audience_id for audience_id in delete if audience_id not in in_use],
        in_use=in_use,
    )


def replace_audience(
    iqm: Dialect, old: int, new: int, campaign_ids: Iterable[int] | None = None, *, delete_old: bool = True
) -> Exchange[Replacement]:
    """
    Return the exchange that replaces an audience by another one that is ready.

    :param iqm: IQM's API.
    :param old: The audience to take out.
    :param new: The audience to put in.
    :param campaign_ids: The campaigns; default: those that include or exclude the old audience (v3 only).
    :param delete_old: Whether to delete the old audience, if no campaign uses it any more.
    """
    yield from check_ready(iqm, new)
    plan = yield from plan_replacement(iqm, [old], new, campaign_ids)
    return (yield from carry_out(iqm, plan, [old] if delete_old else []))


def _plan_by_counts(
    uses: Uses, old: Sequence[int], new: int, campaign_ids: Iterable[int], known: Mapping[int, Role]
) -> ReplacementPlan:
    """Plan for an API that only tells how many campaigns include and exclude an audience."""
    ids = list(dict.fromkeys(campaign_ids))
    # A retry finds the role at the new audience, if all campaigns were changed before.
    roles = frozenset[Role]().union(*(use.roles for use in uses.values()))
    if len(roles) > 1:
        raise AudienceOptionError(
            f"Campaigns include and exclude {_named([*old, new])}, and the classic API doesn't tell which do what. "
            "Nothing was changed. Replace it by TargetAudienceOperator, or set the connection's api_version to v3."
        )
    planned: dict[int, Role] = {key: _only(roles) if roles else known.get(key, "included") for key in ids}
    moved = bool(old) and uses.keys().isdisjoint(old) and uses[new].used
    return ReplacementPlan(
        old=old,
        new=new,
        changes={} if moved else planned,
        done=planned if moved else {},
        everywhere=False,
        uses=uses,
    )


def _corrected(plan: ReplacementPlan, result: TargetingResult, uses: Uses) -> TargetingResult:
    """Count campaigns as changed that IQM says are, although it reported a failure: a repeated request may fail so."""
    new_roles, old_roles = _roles(uses, plan.new), _roles(uses, *plan.old)
    moved = {
        each["id"]
        for each in result["failed"]
        if plan.changes[each["id"]] in new_roles.get(each["id"], ()) and each["id"] not in old_roles
    }
    return TargetingResult(
        changed=[*result["changed"], *sorted(moved)],
        failed=[each for each in result["failed"] if each["id"] not in moved],
    )


def _verify(iqm: Dialect, plan: ReplacementPlan, result: TargetingResult, uses: Uses) -> Exchange[None]:
    """Check that each campaign targets the new audience, or still the old one where it wasn't changed."""
    if plan.new not in uses:
        raise _not_found(plan.new)
    if uses[plan.new].campaigns is None:
        if result["changed"] and not uses[plan.new].used:
            yield from target(iqm.login, {key: plan.change(key) for key in result["changed"]})
            raise IQMError(
                f"No campaign uses audience {plan.new} after IQM confirmed the change of {_listed(result['changed'])}; "
                "it was put into them once more. Nothing was deleted. Retry to verify it."
            )
        return
    new_roles, old_roles, before = _roles(uses, plan.new), _roles(uses, *plan.old), _roles(plan.uses, *plan.old)
    changed = {key: plan.changes[key] for key in result["changed"]}
    expected = {**{key: role for key, role in plan.changes.items() if key in before}, **changed}
    lost = {
        key: role
        for key, role in expected.items()
        if key not in old_roles and role not in new_roles.get(key, frozenset())
    }
    if lost:
        yield from target(iqm.login, {key: plan.change(key) for key in lost})
        raise IQMError(
            f"Campaigns {_listed(lost)} didn't target audience {plan.new} after IQM confirmed the change; it was put "
            "into them once more. Nothing was deleted. Retry to verify it."
        )
    unchanged = [key for key, role in changed.items() if key in old_roles or new_roles[key] != frozenset((role,))]
    if unchanged:
        raise IQMError(
            f"Campaigns {_listed(unchanged)} still target {_named(plan.old)} after IQM confirmed the change to "
            f"{plan.new}. Nothing was deleted. Retry to change them again."
        )
    late = old_roles.keys() - plan.changes.keys() - plan.failed.keys()
    if plan.everywhere and late:
        raise IQMError(
            f"Campaigns {_listed(sorted(late))} began to use {_named(plan.old)} while {plan.new} replaced it. Nothing "
            "was deleted. Retry to change them too."
        )


def _roles(uses: Uses, *audience_ids: int) -> dict[int, frozenset[Role]]:
    """Return what each campaign does with any of some audiences, as far as IQM tells."""
    roles: dict[int, frozenset[Role]] = {}
    for audience_id in audience_ids:
        campaigns = uses[audience_id].campaigns if audience_id in uses else None
        for campaign_id, more in (campaigns or {}).items():
            roles[campaign_id] = roles.get(campaign_id, frozenset()) | more
    return roles


def _delete(iqm: Dialect, audience_ids: Sequence[int]) -> Exchange[None]:
    """Delete audiences. After a lost answer IQM may report one as kept that it has deleted before."""
    refused: IQMRequestError | None = None
    kept: Sequence[int] = audience_ids
    try:
        kept = (yield from iqm.delete(audience_ids))["failed"]
    except IQMRequestError as error:
        refused = error
    for audience_id in kept:
        try:
            audience = yield from iqm.details(audience_id)
        except AudienceNotFoundError:
            continue
        if audience["status"] != AudienceStatus.DELETED:
            raise refused or IQMRequestError(
                f"IQM kept audience {audience_id}, which was replaced. Delete it in IQM, or clear the task.", status=200
            )


def _only(roles: frozenset[Role]) -> Role:
    (role,) = roles
    return role


def _named(audience_ids: Sequence[int]) -> str:
    return f"audience{'s' if len(audience_ids) > 1 else ''} {_listed(audience_ids)}"


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))


def _not_found(audience_id: int) -> AudienceNotFoundError:
    return AudienceNotFoundError(
        f"IQM has no audience {audience_id}, so nothing was replaced. Check the audience's id, and that it belongs to "
        "the connection's workspace.",
        status=404,
    )
