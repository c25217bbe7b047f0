"""The outlets of a task that are matched audiences, and their asset events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_iqm.assets.matched_audience import SCHEME, audience_name_of
from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_iqm.api.audience import ReadyAudience
    from airflow_provider_iqm.api.campaigns import CampaignIds
    from airflow_provider_iqm.log import Log


class AudienceLimits(TypedDict, total=False):
    """The limits that a task sets for its audience: the arguments of the same names."""

    min_records: int
    max_records_drop: float
    min_match_rate: float
    max_match_rate_drop: float


class AudienceEvent(TypedDict):
    """
    The ``extra`` of an audience's asset event.

    ``uniques`` is the reach in users, ``data_cost`` is IQM's data cost. ``fingerprint`` is None if the task doesn't
    compare lists. ``campaigns`` are those that use the audience, if the task knows. ``replaced`` are the audiences that
    this one replaced in campaigns, if the task replaces audiences.
    """

    audience_id: int
    audience_name: str
    status: str
    records: int | None
    match_rate: float | None
    uniques: int | None
    data_cost: float | None
    fingerprint: str | None
    url: NotRequired[str]
    limits: NotRequired[AudienceLimits]
    campaigns: NotRequired[CampaignIds]
    replaced: NotRequired[list[int]]


def audience_event(audience: ReadyAudience, *, fingerprint: str | None = None) -> AudienceEvent:
    """
    Return the ``extra`` of a ready audience's asset event.

    :param audience: The audience.
    :param fingerprint: The fingerprint of the audience's list.
    """
    return AudienceEvent(
        audience_id=audience["id"],
        audience_name=audience["name"],
        status=audience["status"],
        records=audience["records"],
        match_rate=audience["match_rate"],
        uniques=audience["uniques"],
        data_cost=audience["data_cost"],
        fingerprint=fingerprint,
    )


def audience_assets(assets: Sequence[Any]) -> list[Asset]:
    """
    Return the inlets or outlets of a task that are matched audiences.

    :param assets: The inlets or outlets.
    """
    return [asset for asset in assets if isinstance(asset, Asset) and urlsplit(asset.uri).scheme == SCHEME]


def describe_in_asset_events(task: BaseOperator, context: Context, events: Sequence[AudienceEvent]) -> bool:
    """
    Describe audiences in the asset events of a task's outlets.

    The events of all outlets describe a single audience, regardless of their names. With several audiences, an outlet's
    event describes the one with its name, or all of them, in ``audiences``.

    :param task: The task.
    :param context: The task's context.
    :param events: The ``extra`` of each audience.
    :return: Whether any outlet is a matched audience.
    """
    by_name = {event["audience_name"]: event for event in events}
    assets = audience_assets(task.outlets)
    for asset in assets:
        with best_effort(task.log, f"describe the audience in the event of {asset.uri}"):
            event = events[0] if len(events) == 1 else by_name.get(audience_name_of(urlsplit(asset.uri)))
            extra: Any = event or {"audiences": list(events)}
            context["outlet_events"][asset].extra.update(extra)
    return bool(assets)


def remove_audience_outlets(task: BaseOperator, *, log: Log) -> None:
    """
    Remove the audiences from a task's outlets, so that this run sends no asset events for them.

    Airflow has no other way to succeed without an event: 2.11 and 3.3 send one for each outlet that the task has when
    it ends, regardless of ``outlet_events``. Each run has its own copy of the task.

    :param task: The task.
    :param log: Logs the removed assets.
    """
    removed = audience_assets(task.outlets)
    if removed:
        log.info("Unchanged; no asset event for %s", ", ".join(asset.uri for asset in removed))
        task.outlets = [outlet for outlet in task.outlets if outlet not in removed]
