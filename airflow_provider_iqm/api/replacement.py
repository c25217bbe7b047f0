"""
Replaces an audience with another in all campaigns that use it.

One request adds the new audience to a campaign and removes the old one, so the campaign targets one of them at any
moment. The campaigns' state is read before and after, so an exchange that was interrupted anywhere can be repeated.
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
    The result of a replacement.

    ``included`` and ``excluded`` are the ids of the campaigns that now include or exclude the new audience.
    ``deleted`` are the replaced audiences that IQM no longer has; ``in_use`` weren't deleted because campaigns use
    them.
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
    The changes that make campaigns target the new audience instead of the old one.

    :param old: The audiences to remove; if there are none, the new audience is only added.
    :param new: The audience to add.
    :param changes: Campaign id → role of the new audience, for the campaigns to change.
    :param done: Campaign id → role of the new audience, for the campaigns that already target it.
    :param failed: Campaign id → the reason why the campaign can't be changed.
    :param all_campaigns: Whether to change all campaigns that use the old audiences.
    :param uses: How campaigns use the audiences now.
    """

    old: Sequence[int]
    new: int
    changes: Mapping[int, Role]
    done: Mapping[int, Role] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)
    all_campaigns: bool = True
    uses: Uses = field(default_factory=dict, repr=False)

    @property
    def campaigns(self) -> dict[int, Role]:
        """Campaign id → role of the new audience, after the changes."""
        return {**self.done, **self.changes}

    @property
    def unused(self) -> bool:
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
            f"Audience {audience_id} is {audience['status']}, so it can't replace another audience. Nothing was "
            "changed. Wait until it is Ready."
        )
    return audience


def plan_replacement(
    iqm: Dialect,
    old: Sequence[int],
    new: int,
    campaign_ids: Iterable[int] | None = None,
    *,
    planned: Mapping[int, Role] | None = None,
    may_be_deleted: bool = False,
) -> Exchange[ReplacementPlan]:
    """
    Return the exchange that plans a replacement; it changes nothing.

    :param iqm: IQM's API.
    :param old: The audiences to remove: one, several if earlier replacements weren't completed, or none to only add
        the new one.
    :param new: The audience to add.
    :param campaign_ids: The campaigns; default: those that include or exclude the old audiences (v3 only).
    :param planned: Campaign id → role, as planned by an earlier try.
    :param may_be_deleted: Whether an earlier try may have deleted the old audiences.
    :raises AudienceOptionError: The connection's API doesn't report which campaigns use an audience or in which role,
        or the role of the new audience in a campaign is ambiguous.
    :raises AudienceNotFoundError: The account has no such audience.
    """
    if new in old:
        raise AudienceOptionError(f"Audience {new} can't replace itself. Give two different audiences.")
    ids = [*old, new]
    uses = yield from iqm.uses(ids)
    if new not in uses:
        raise _not_found(new)
    if old and uses.keys().isdisjoint(old) and not may_be_deleted and not uses[new].used:
        raise _not_found(old[0])
    earlier = dict(planned or {})
    if uses[new].campaigns is None:
        if campaign_ids is None:
            raise AudienceOptionError(
                "campaign_ids is missing: the classic API doesn't report which campaigns use an audience. Set "
                "campaign_ids."
            )
        return _plan_by_counts(uses, old, new, campaign_ids, earlier)
    old_roles, new_roles = _roles(uses, *old), _roles(uses, new)
    # After an interrupted change, some campaigns use the new audience already.
    common = frozenset[Role]().union(*old_roles.values(), *new_roles.values()) or frozenset[Role](("included",))
    changes: dict[int, Role] = {}
    done: dict[int, Role] = {}
    failed: dict[int, str] = {}
    for campaign_id in dict.fromkeys([*old_roles, *earlier, *new_roles] if campaign_ids is None else campaign_ids):
        before, after = old_roles.get(campaign_id, frozenset()), new_roles.get(campaign_id, frozenset())
        if before and len(before | after) > 1:
            failed[campaign_id] = f"It both includes and excludes audiences among {_listed(ids)}"
        elif after and not before:
            done[campaign_id] = min(after)
        elif before or campaign_id in earlier:
            changes[campaign_id] = _only(before) if before else earlier[campaign_id]
        elif len(common) == 1:
            changes[campaign_id] = _only(common)
        else:
            raise AudienceOptionError(
                f"Campaign {campaign_id} in campaign_ids doesn't use {_named([*old, new])}. Some campaigns include it "
                "and some exclude it, so it is unclear which this one should do. Nothing was changed. Include or "
                f"exclude {new} in the campaign with TargetAudienceOperator, or remove the campaign from campaign_ids."
            )
    return ReplacementPlan(
        old=old,
        new=new,
        changes=changes,
        done=done,
        failed=failed,
        all_campaigns=campaign_ids is None,
        uses=uses,
    )


def execute_plan(iqm: Dialect, plan: ReplacementPlan, delete: Sequence[int] = ()) -> Exchange[Replacement]:
    """
    Return the exchange that changes the campaigns, verifies the changes, and deletes audiences that became unused.

    :param iqm: IQM's API.
    :param plan: The plan.
    :param delete: Those of the plan's old audiences to delete.
    :raises CampaignTargetingError: Some campaigns couldn't be changed; all others were. Nothing is deleted.
    :raises IQMError: The verification failed. Nothing is deleted; a retry changes the campaigns again.
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
        consequence = f" Nothing was deleted: they may still use {_named(plan.old)}." if plan.old else ""
        yield from raise_failed(iqm.login, done, consequence)
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
    Return the exchange that replaces an audience with another, which must be ready.

    :param iqm: IQM's API.
    :param old: The audience to replace.
    :param new: Its replacement.
    :param campaign_ids: The campaigns; default: those that include or exclude the old audience (v3 only).
    :param delete_old: Whether to delete the old audience if no campaign uses it anymore.
    """
    yield from check_ready(iqm, new)
    plan = yield from plan_replacement(iqm, [old], new, campaign_ids)
    return (yield from execute_plan(iqm, plan, [old] if delete_old else []))


def _plan_by_counts(
    uses: Uses, old: Sequence[int], new: int, campaign_ids: Iterable[int], earlier: Mapping[int, Role]
) -> ReplacementPlan:
    """Plan for an API that only reports how many campaigns include and exclude an audience."""
    ids = list(dict.fromkeys(campaign_ids))
    # If an earlier try changed all campaigns, only the new audience has a role.
    roles = frozenset[Role]().union(*(use.roles for use in uses.values()))
    if len(roles) > 1:
        raise AudienceOptionError(
            f"Some campaigns include and others exclude {_named([*old, new])}, and the classic API doesn't report "
            "which. Nothing was changed. Change the campaigns with TargetAudienceOperator, or set the connection's "
            "api_version to v3."
        )
    planned: dict[int, Role] = {key: _only(roles) if roles else earlier.get(key, "included") for key in ids}
    moved = bool(old) and uses.keys().isdisjoint(old) and uses[new].used
    return ReplacementPlan(
        old=old,
        new=new,
        changes={} if moved else planned,
        done=planned if moved else {},
        all_campaigns=False,
        uses=uses,
    )


def _corrected(plan: ReplacementPlan, result: TargetingResult, uses: Uses) -> TargetingResult:
    """Correct the result: a repeated request may report a failure for a campaign that IQM has already changed."""
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
    """Verify that each campaign targets the new audience, or still the old one if it wasn't changed."""
    if plan.new not in uses:
        raise _not_found(plan.new)
    if uses[plan.new].campaigns is None:
        if result["changed"] and not uses[plan.new].used:
            yield from target(iqm.login, {key: plan.change(key) for key in result["changed"]})
            raise IQMError(
                f"No campaign uses audience {plan.new}, although IQM confirmed the change of "
                f"{_listed(result['changed'])}. The change was sent again, and nothing was deleted. Retry to verify it."
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
            f"Campaigns {_listed(lost)} don't target audience {plan.new}, although IQM confirmed the change. The "
            "change was sent again, and nothing was deleted. Retry to verify it."
        )
    unchanged = [key for key, role in changed.items() if key in old_roles or new_roles[key] != frozenset((role,))]
    if unchanged:
        raise IQMError(
            f"Campaigns {_listed(unchanged)} still target {_named(plan.old)}, although IQM confirmed the change to "
            f"{plan.new}. Nothing was deleted. Retry to change them again."
        )
    late = old_roles.keys() - plan.changes.keys() - plan.failed.keys()
    if plan.all_campaigns and late:
        raise IQMError(
            f"Campaigns {_listed(sorted(late))} started to use {_named(plan.old)} during its replacement with "
            f"{plan.new}. Nothing was deleted. Retry to change them, too."
        )


def _roles(uses: Uses, *audience_ids: int) -> dict[int, frozenset[Role]]:
    """Return the roles of audiences in each campaign; empty if IQM doesn't report campaigns."""
    roles: dict[int, frozenset[Role]] = {}
    for audience_id in audience_ids:
        campaigns = uses[audience_id].campaigns if audience_id in uses else None
        for campaign_id, more in (campaigns or {}).items():
            roles[campaign_id] = roles.get(campaign_id, frozenset()) | more
    return roles


def _delete(iqm: Dialect, audience_ids: Sequence[int]) -> Exchange[None]:
    """Delete audiences. After a lost response, IQM may report a failure for an audience that it has already deleted."""
    refused: IQMRequestError | None = None
    failed: Sequence[int] = audience_ids
    try:
        failed = (yield from iqm.delete(audience_ids))["failed"]
    except IQMRequestError as error:
        refused = error
    for audience_id in failed:
        try:
            audience = yield from iqm.details(audience_id)
        except AudienceNotFoundError:
            continue
        if audience["status"] != AudienceStatus.DELETED:
            raise refused or IQMRequestError(
                f"IQM didn't delete the replaced audience {audience_id}. Delete it in IQM, or clear the task.",
                status=200,
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
        f"IQM has no audience {audience_id}, so nothing was replaced. Check the ID, and that the audience belongs to "
        "the connection's workspace.",
        status=404,
    )
