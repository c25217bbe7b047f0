"""The sandbox's own calls on campaigns, below ``/_sandbox/campaigns``: people make campaigns in IQM's web app."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_iqm.sandbox.control.reports import CampaignReport, report_campaign, report_campaigns
from airflow_provider_iqm.sandbox.session.access import State
from airflow_provider_iqm.sandbox.state.campaigns import CampaignStatus

router = APIRouter(prefix="/_sandbox/campaigns")

_Ids = Annotated[list[int], Field(default_factory=list)]


class CampaignOrder(BaseModel):
    """
    A campaign that is to be there.

    :param name: its name.
    :param status: its status.
    :param pg: whether it is a PG campaign, which can't target audiences.
    :param included: ids of audiences that it includes; the sandbox doesn't check them here.
    :param excluded: ids of audiences that it excludes.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = "Campaign"
    status: CampaignStatus = "running"
    pg: bool = False
    included: _Ids
    excluded: _Ids


class CampaignChange(BaseModel):
    """
    What to change about a campaign; what isn't given stays.

    :param name: its name.
    :param status: its status.
    :param included: ids of all audiences that it is to include.
    :param excluded: ids of all audiences that it is to exclude.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    status: CampaignStatus | None = None
    included: list[int] | None = None
    excluded: list[int] | None = None


@router.post("", status_code=201)
async def make_campaign(order: CampaignOrder, state: State) -> CampaignReport:
    """Make a campaign."""
    return report_campaign(state.campaigns.add(**order.model_dump()))


@router.get("")
async def get_campaigns(state: State) -> list[CampaignReport]:
    """Return all campaigns with what they have targeted so far, the deleted ones among them."""
    return report_campaigns(state)


@router.patch("/{campaign_id}")
async def patch_campaign(campaign_id: int, change: CampaignChange, state: State) -> CampaignReport:
    """Change a campaign, as somebody may do in IQM's web app."""
    campaign = state.campaigns.get(campaign_id)
    if campaign is None:
        raise HTTPException(404, "There is no such campaign.")
    campaign.name = change.name or campaign.name
    campaign.status = change.status or campaign.status
    if change.included is not None or change.excluded is not None:
        before = campaign.targets
        state.campaigns.set_targets(
            campaign,
            included=before.included if change.included is None else change.included,
            excluded=before.excluded if change.excluded is None else change.excluded,
        )
    return report_campaign(campaign)
