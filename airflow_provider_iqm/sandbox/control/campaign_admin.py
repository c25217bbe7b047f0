"""The admin API for campaigns under ``/_sandbox/campaigns``, in place of IQM's web app."""

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
    A campaign to create.

    :param name: name.
    :param status: status.
    :param pg: whether it is a PG campaign, which can't target audiences.
    :param included: ids of included audiences, which aren't checked here.
    :param excluded: ids of excluded audiences.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = "Campaign"
    status: CampaignStatus = "running"
    pg: bool = False
    included: _Ids
    excluded: _Ids


class CampaignChange(BaseModel):
    """
    Changes to a campaign; fields that aren't set are unchanged.

    :param name: name.
    :param status: status.
    :param included: ids of all included audiences.
    :param excluded: ids of all excluded audiences.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    status: CampaignStatus | None = None
    included: list[int] | None = None
    excluded: list[int] | None = None


@router.post("", status_code=201)
async def create_campaign(order: CampaignOrder, state: State) -> CampaignReport:
    """Create a campaign."""
    return report_campaign(state.campaigns.add(**order.model_dump()))


@router.get("")
async def get_campaigns(state: State) -> list[CampaignReport]:
    """Return all campaigns with their targeting history, including deleted ones."""
    return report_campaigns(state)


@router.patch("/{campaign_id}")
async def patch_campaign(campaign_id: int, change: CampaignChange, state: State) -> CampaignReport:
    """Change a campaign, as in IQM's web app."""
    campaign = state.campaigns.get(campaign_id)
    if campaign is None:
        raise HTTPException(404, "Campaign not found.")
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
