"""v3: an audience in the details and in the list."""

from datetime import UTC, datetime
from typing import Any

from airflow_provider_iqm.sandbox.state.audiences import Audience
from airflow_provider_iqm.sandbox.state.state import SandboxState
from airflow_provider_iqm.sandbox.v3.catalogue import (
    HASHABLE,
    MATCHED_AUDIENCE,
    PARTNERED,
    SUBTYPES,
    Scope,
    catalogue,
    status_id,
)

# The campaign of an audience that the admin API attached.
_CAMPAIGN = 573312


def details(audience: Audience, state: SandboxState, *, campaigns: bool, users: bool) -> dict[str, Any]:
    """
    Return the details of an audience.

    :param audience: the audience.
    :param state: the sandbox's state.
    :param campaigns: whether to include campaigns.
    :param users: whether to include names of users.
    """
    ow_id = state.settings.ow_id
    changed = audience.created_ms / 1000 + state.clock.now() - audience.created
    answer = _shared(audience, state) | {
        "createdByUowId": 1,
        "columnMappings": _column_mappings(audience, state),
        "s3Url": f"s3://sandbox/UPLOAD/Client={ow_id}/Audience={audience.audience_id}/{audience.s3_file_name}",
        "fileRowCount": audience.file.records,
        "subtypeDetails": next((each.display_name for each in SUBTYPES if each.name == audience.subtype), None),
        "modifiedAt": datetime.fromtimestamp(changed, UTC).isoformat(timespec="milliseconds"),
        "editAccess": True,
        "approvalAccess": False,
    }
    if users:
        answer |= {"organizationName": "Sandbox organization", "createdByUserName": "Sandbox user"}
    if campaigns:
        included, excluded = _campaigns(audience, state)
        answer |= {"whitelistedCampaignIds": included, "blacklistedCampaignIds": excluded}
    return _without_nulls(answer)


def row(audience: Audience, state: SandboxState) -> dict[str, Any]:
    """
    Return the audience's row in the list.

    :param audience: the audience.
    :param state: the sandbox's state.
    """
    shared = _shared(audience, state)
    use = state.campaigns.use_of(audience.audience_id)
    included, excluded = _campaigns(audience, state)
    ready = shared["audienceStatusId"] == status_id("Ready")
    answer = shared | {
        "verticalId": state.settings.vertical_id,
        "organizationName": "Sandbox organization",
        "includedCampaignList": included,
        "excludedCampaignList": excluded,
        "runningCampaignCount": use.count("running") + audience.attached,
        "pendingCampaignCount": use.count("pending"),
        "pausedCampaignCount": use.count("paused"),
        "expiredCampaignCount": use.count("expired"),
        "fileTotalCount": audience.file.records,
        "audienceRematchEligible": ready,
        "lastRematchStatusId": None if audience.rematched is None else shared["audienceStatusId"],
        "editAccess": True,
        "approvalAccess": False,
    }
    if state.settings.list_shape == "example":
        for name, other in (
            ("reach", "uniques"),
            ("editAccess", "isEditAccess"),
            ("approvalAccess", "isApprovalAccess"),
        ):
            answer[other] = answer.pop(name)
    return _without_nulls(answer)


def _shared(audience: Audience, state: SandboxState) -> dict[str, Any]:
    status = audience.status_at(state.clock.now(), state.settings)
    return {
        "audienceId": audience.audience_id,
        "audienceName": audience.name,
        "audienceTypeId": MATCHED_AUDIENCE,
        "audienceSubtypeId": next((each.id for each in SUBTYPES if each.name == audience.subtype), None),
        "audienceStatusId": status_id(status),
        "cpm": audience.cost_at(status),
        "owId": state.settings.ow_id,
        # In seconds in the schema's example, in milliseconds in the calls' examples.
        "createdAt": audience.created_ms,
        "reach": audience.uniques_at(status),
        "matchRate": audience.match_rate_at(status),
        "s3FileName": audience.s3_file_name,
        "dataPartnerId": data_partner_id(audience, state),
        "rejectionReason": audience.reason if status in {"Failed", "Rejected"} else None,
    }


def data_partner_id(audience: Audience, state: SandboxState) -> int | None:
    """
    Return the id of the data partner of an audience; for classic uploads, too.

    :param audience: the audience.
    :param state: the sandbox's state.
    """
    settings = audience.column_settings or {}
    given = {(column, settings.get(column)) for column in PARTNERED}
    partners = catalogue(state.settings).partners(Scope())
    return next((each.id for each in partners if (each.column, each.name) in given), None)


def _column_mappings(audience: Audience, state: SandboxState) -> list[dict[str, Any]]:
    lists = catalogue(state.settings)
    ids = {column.name: column.id for column in lists.columns(Scope())}
    formats = {each.name: each.id for each in lists.formats}
    settings = audience.column_settings or {}
    return [
        _without_nulls(
            {
                "columnId": ids[name],
                "fileColumnName": column,
                "dataFormatId": formats.get(settings.get(name, "")) if name in HASHABLE else None,
            }
        )
        for column, name in audience.columns.items()
        # A classic upload may map a field that v3 doesn't have.
        if name in ids
    ]


def _campaigns(audience: Audience, state: SandboxState) -> tuple[list[int], list[int]]:
    use = state.campaigns.use_of(audience.audience_id)
    attached = [_CAMPAIGN] if audience.attached else []
    return attached + [each.campaign_id for each in use.included], [each.campaign_id for each in use.excluded]


def _without_nulls(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value is not None}
