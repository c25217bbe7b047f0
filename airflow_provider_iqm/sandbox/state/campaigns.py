"""Campaigns, and the audiences that they target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from airflow_provider_iqm.sandbox.state.clock import Clock

CampaignStatus = Literal["running", "pending", "paused", "expired", "deleted"]

MAX_AUDIENCES = 20


@dataclass(frozen=True)
class CampaignTargets:
    """
    The audiences that a campaign targets from a given time on.

    :param at: the time, in seconds on the sandbox's clock.
    :param included: ids of the included audiences.
    :param excluded: ids of the excluded audiences.
    """

    at: float
    included: tuple[int, ...] = ()
    excluded: tuple[int, ...] = ()


@dataclass(frozen=True)
class TargetingOrder:
    """
    A change to a campaign's targeting.

    :param include: audiences to include.
    :param exclude: audiences to exclude.
    :param remove: audiences to remove.
    """

    include: Sequence[int] = ()
    exclude: Sequence[int] = ()
    remove: Sequence[int] = ()


@dataclass
class Campaign:
    """
    One campaign.

    :param campaign_id: its id.
    :param name: its name.
    :param timeline: targeting history, oldest first; the last entry is current.
    :param created_ms: creation time in milliseconds since 1970.
    :param modified_ms: time of the last change to its targets.
    :param status: its status.
    :param pg: whether it is a PG campaign, which can't target audiences.
    """

    campaign_id: int
    name: str
    timeline: list[CampaignTargets]
    created_ms: int
    modified_ms: int
    status: CampaignStatus = "running"
    pg: bool = False

    @property
    def targets(self) -> CampaignTargets:
        """Current targets."""
        return self.timeline[-1]


@dataclass
class AudienceUse:
    """
    The campaigns that use an audience, without deleted ones.

    :param included: campaigns that include it.
    :param excluded: campaigns that exclude it.
    """

    included: list[Campaign] = field(default_factory=list)
    excluded: list[Campaign] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.included or self.excluded)

    def count(self, status: CampaignStatus) -> int:
        """
        Return the number of campaigns with a status.

        :param status: the status.
        """
        return len({each.campaign_id for each in [*self.included, *self.excluded] if each.status == status})


class CampaignStore:
    """
    All campaigns of the account, by id.

    :param clock: the sandbox's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Ids continue after a reset, as for audiences.
        self._ids = count(477717)
        self._campaigns: dict[int, Campaign] = {}

    def add(
        self,
        name: str,
        *,
        status: CampaignStatus = "running",
        pg: bool = False,
        included: Sequence[int] = (),
        excluded: Sequence[int] = (),
    ) -> Campaign:
        """
        Create a campaign.

        :param name: its name.
        :param status: its status.
        :param pg: whether it is a PG campaign.
        :param included: the audiences that it includes.
        :param excluded: the audiences that it excludes.
        """
        now = self._clock.epoch_ms()
        campaign = Campaign(next(self._ids), name, [], created_ms=now, modified_ms=now, status=status, pg=pg)
        self._campaigns[campaign.campaign_id] = campaign
        self.set_targets(campaign, included=included, excluded=excluded)
        return campaign

    def get(self, campaign_id: int) -> Campaign | None:
        """
        Return a campaign, even if it is deleted.

        :param campaign_id: its id.
        """
        return self._campaigns.get(campaign_id)

    def all(self) -> list[Campaign]:
        """Return all campaigns, oldest first."""
        return list(self._campaigns.values())

    def clear(self) -> None:
        """Remove everything. Used ids aren't reused."""
        self._campaigns.clear()

    def use_of(self, audience_id: int) -> AudienceUse:
        """
        Return the campaigns that use an audience.

        :param audience_id: the audience's id.
        """
        alive = [campaign for campaign in self.all() if campaign.status != "deleted"]
        return AudienceUse(
            included=[campaign for campaign in alive if audience_id in campaign.targets.included],
            excluded=[campaign for campaign in alive if audience_id in campaign.targets.excluded],
        )

    def set_targets(self, campaign: Campaign, *, included: Sequence[int], excluded: Sequence[int]) -> None:
        """
        Replace a campaign's targets, and add them to its timeline.

        :param campaign: the campaign.
        :param included: the audiences that it includes.
        :param excluded: the audiences that it excludes.
        """
        targets = CampaignTargets(self._clock.now(), tuple(dict.fromkeys(included)), tuple(dict.fromkeys(excluded)))
        campaign.timeline.append(targets)
        campaign.modified_ms = self._clock.epoch_ms()

    def change_targets(
        self,
        campaign_id: int,
        order: TargetingOrder,
        *,
        problem_with: Callable[[int], str | None],
        count_removed: bool,
    ) -> str | None:
        """
        Change a campaign's targets atomically. Returns the problem if that isn't possible.

        :param campaign_id: the campaign's id.
        :param order: the change.
        :param problem_with: returns the reason that an audience can't be targeted, or None.
        :param count_removed: whether removed audiences count towards the maximum of a campaign.
        """
        campaign = self.get(campaign_id)
        if campaign is None or campaign.status == "deleted":
            return "Campaign not found."
        added = {*order.include, *order.exclude}
        if set(order.include) & set(order.exclude) or added & set(order.remove):
            return "The same audience is in more than one list."
        for audience_id in sorted(added):
            if problem := problem_with(audience_id):
                return problem
        before = campaign.targets
        dropped = {*added, *order.remove}
        included = [*(each for each in before.included if each not in dropped), *order.include]
        excluded = [*(each for each in before.excluded if each not in dropped), *order.exclude]
        counted = {*included, *excluded}
        if count_removed:
            counted |= {*before.included, *before.excluded}
        if added and len(counted) > MAX_AUDIENCES:
            return f"Can not target more than {MAX_AUDIENCES} audiences."
        self.set_targets(campaign, included=included, excluded=excluded)
        return None
