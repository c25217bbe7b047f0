"""Executes a planned replacement: changes the campaigns, verifies the changes, and deletes unused audiences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from airflow_provider_iqm.api.audience import MatchedAudience
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.replacement.plan import ReplacementPlan, plan_replacement
from airflow_provider_iqm.api.replacement.uses import label
from airflow_provider_iqm.api.replacement.verification import correct_result, verify
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.targeting import FailedCampaign, TargetingResult, raise_failed, target
from airflow_provider_iqm.exceptions import AudienceNotFoundError, IQMFinalError, IQMRequestError
from airflow_provider_iqm.vocabulary import AudienceStatus


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
    result = correct_result(plan, result, uses)
    yield from verify(iqm, plan, result, uses)
    failed = [FailedCampaign(id=key, reason=reason) for key, reason in plan.failed.items()] + result["failed"]
    if failed:
        done = TargetingResult(changed=[*plan.done, *result["changed"]], failed=failed)
        consequence = f" Nothing was deleted: they may still use {label(plan.old)}." if plan.old else ""
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
