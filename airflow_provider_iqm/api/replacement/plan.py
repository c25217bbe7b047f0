"""Plans which campaigns a replacement changes, and the role of the new audience in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_iqm.api.campaigns import Role
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.replacement.uses import Uses, label, listed, not_found, roles_of
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.targeting import TargetingChange
from airflow_provider_iqm.exceptions import AudienceOptionError


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
        raise not_found(new)
    if old and uses.keys().isdisjoint(old) and not may_be_deleted and not uses[new].used:
        raise not_found(old[0])
    earlier = dict(planned or {})
    if uses[new].campaigns is None:
        if campaign_ids is None:
            raise AudienceOptionError(
                "campaign_ids is missing: the classic API doesn't report which campaigns use an audience. Set "
                "campaign_ids."
            )
        return _plan_by_counts(uses, old, new, campaign_ids, earlier)
    return _plan_by_campaigns(uses, old, new, campaign_ids, earlier)


def _plan_by_campaigns(
    uses: Uses, old: Sequence[int], new: int, campaign_ids: Iterable[int] | None, earlier: Mapping[int, Role]
) -> ReplacementPlan:
    """Plan for an API that reports which campaigns include and exclude an audience."""
    old_roles, new_roles = roles_of(uses, *old), roles_of(uses, new)
    # After an interrupted change, some campaigns use the new audience already.
    common = frozenset[Role]().union(*old_roles.values(), *new_roles.values()) or frozenset[Role](("included",))
    changes: dict[int, Role] = {}
    done: dict[int, Role] = {}
    failed: dict[int, str] = {}
    for campaign_id in dict.fromkeys([*old_roles, *earlier, *new_roles] if campaign_ids is None else campaign_ids):
        before, after = old_roles.get(campaign_id, frozenset()), new_roles.get(campaign_id, frozenset())
        if before and len(before | after) > 1:
            failed[campaign_id] = f"It both includes and excludes audiences among {listed([*old, new])}"
        elif after and not before:
            done[campaign_id] = min(after)
        elif before or campaign_id in earlier:
            changes[campaign_id] = _only(before) if before else earlier[campaign_id]
        elif len(common) == 1:
            changes[campaign_id] = _only(common)
        else:
            raise AudienceOptionError(
                f"Campaign {campaign_id} in campaign_ids doesn't use {label([*old, new])}. Some campaigns include it "
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


def _plan_by_counts(
    uses: Uses, old: Sequence[int], new: int, campaign_ids: Iterable[int], earlier: Mapping[int, Role]
) -> ReplacementPlan:
    """Plan for an API that only reports how many campaigns include and exclude an audience."""
    ids = list(dict.fromkeys(campaign_ids))
    # If an earlier try changed all campaigns, only the new audience has a role.
    roles = frozenset[Role]().union(*(use.roles for use in uses.values()))
    if len(roles) > 1:
        raise AudienceOptionError(
            f"Some campaigns include and others exclude {label([*old, new])}, and the classic API doesn't report "
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


def _only(roles: frozenset[Role]) -> Role:
    (role,) = roles
    return role
