"""Reports of audiences and campaigns, for tests and the admin API."""

from dataclasses import dataclass
from typing import Any

from airflow_provider_iqm.sandbox.state.audiences import Audience
from airflow_provider_iqm.sandbox.state.campaigns import Campaign, CampaignTargets
from airflow_provider_iqm.sandbox.state.state import SandboxState


@dataclass(frozen=True)
class AudienceReport:
    """
    Everything that the sandbox knows about an audience.

    :param id: its id.
    :param name: its name.
    :param status: current status, as in the details.
    :param outcome: final status.
    :param reason: reason for Failed or Rejected.
    :param match_rate: current match rate, in percent.
    :param attached: whether a campaign uses the audience.
    :param file_name: the name in the upload form.
    :param s3_file_name: the name in the details.
    :param size: bytes received.
    :param sha256: hex digest of the bytes received.
    :param header: the columns of the file.
    :param records: the records that the sandbox counted.
    :param columns: file column to system field.
    :param column_settings: system field to setting; None if none were sent.
    :param single_column: the flag ``isSingleColumnEnabled``.
    :param metadata: the metadata that was sent.
    :param subtype: name of the audience subtype, of a v3 upload.
    :param consent_given: ``consentGiven`` of a v3 upload; None if it wasn't sent.
    :param created_ms: creation, in milliseconds since the epoch.
    """

    id: int
    name: str
    status: str
    outcome: str
    reason: str | None
    match_rate: float
    attached: bool
    file_name: str
    s3_file_name: str
    size: int
    sha256: str
    header: tuple[str, ...]
    records: int
    columns: dict[str, str]
    column_settings: dict[str, str] | None
    single_column: bool
    metadata: dict[str, Any]
    subtype: str | None
    consent_given: bool | None
    created_ms: int


def report(audience: Audience, state: SandboxState) -> AudienceReport:
    """
    Return the report of an audience.

    :param audience: the audience.
    :param state: the sandbox's state.
    """
    status = audience.status_at(state.clock.now(), state.settings)
    return AudienceReport(
        id=audience.audience_id,
        name=audience.name,
        status=status,
        outcome=audience.outcome,
        reason=audience.reason,
        match_rate=audience.match_rate_at(status),
        attached=audience.attached,
        file_name=audience.file.name,
        s3_file_name=audience.s3_file_name,
        size=audience.file.size,
        sha256=audience.file.sha256,
        header=audience.file.header,
        records=audience.file.records,
        columns=audience.columns,
        column_settings=audience.column_settings,
        single_column=audience.single_column,
        metadata=audience.metadata,
        subtype=audience.subtype,
        consent_given=audience.consent_given,
        created_ms=audience.created_ms,
    )


def report_all(state: SandboxState) -> list[AudienceReport]:
    """
    Return the reports of all audiences, oldest first, including deleted ones.

    :param state: the sandbox's state.
    """
    return [report(audience, state) for audience in state.audiences.all()]


@dataclass(frozen=True)
class CampaignReport:
    """
    Everything that the sandbox knows about a campaign.

    :param id: its id.
    :param name: its name.
    :param status: its status.
    :param pg: whether it is a PG campaign, which can't target audiences.
    :param included: ids of the audiences that it includes now.
    :param excluded: ids of the audiences that it excludes now.
    :param timeline: targeting history, oldest first.
    """

    id: int
    name: str
    status: str
    pg: bool
    included: tuple[int, ...]
    excluded: tuple[int, ...]
    timeline: tuple[CampaignTargets, ...]


def report_campaign(campaign: Campaign) -> CampaignReport:
    """
    Return the report of a campaign.

    :param campaign: the campaign.
    """
    return CampaignReport(
        id=campaign.campaign_id,
        name=campaign.name,
        status=campaign.status,
        pg=campaign.pg,
        included=campaign.targets.included,
        excluded=campaign.targets.excluded,
        timeline=tuple(campaign.timeline),
    )


def report_campaigns(state: SandboxState) -> list[CampaignReport]:
    """
    Return the reports of all campaigns, oldest first, including deleted ones.

    :param state: the sandbox's state.
    """
    return [report_campaign(campaign) for campaign in state.campaigns.all()]
