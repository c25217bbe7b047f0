"""Verifies that campaigns target the new audience after a replacement."""

from __future__ import annotations

from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.replacement.plan import ReplacementPlan
from airflow_provider_iqm.api.replacement.uses import Uses, label, listed, not_found, roles_of
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.targeting import TargetingResult, target
from airflow_provider_iqm.exceptions import IQMError


def correct_result(plan: ReplacementPlan, result: TargetingResult, uses: Uses) -> TargetingResult:
    """
    Correct the result of a request: if it is repeated, it may report a failure for a campaign that was changed before.

    :param plan: The plan.
    :param result: The result of the request.
    :param uses: How campaigns use the audiences after the request.
    """
    new_roles, old_roles = roles_of(uses, plan.new), roles_of(uses, *plan.old)
    moved = {
        each["id"]
        for each in result["failed"]
        if plan.changes[each["id"]] in new_roles.get(each["id"], ()) and each["id"] not in old_roles
    }
    return TargetingResult(
        changed=[*result["changed"], *sorted(moved)],
        failed=[each for each in result["failed"] if each["id"] not in moved],
    )


def verify(iqm: Dialect, plan: ReplacementPlan, result: TargetingResult, uses: Uses) -> Exchange[None]:
    """
    Return the exchange that verifies that each campaign targets the new audience, or the old one if it wasn't changed.

    A campaign that targets neither is changed again.

    :param iqm: IQM's API.
    :param plan: The plan.
    :param result: The result of the request that changed the campaigns.
    :param uses: How campaigns use the audiences after the request.
    :raises IQMError: The verification failed.
    """
    if plan.new not in uses:
        raise not_found(plan.new)
    if uses[plan.new].campaigns is None:
        if result["changed"] and not uses[plan.new].used:
            yield from target(iqm.login, {key: plan.change(key) for key in result["changed"]})
            raise IQMError(
                f"No campaign uses audience {plan.new}, although IQM confirmed the change of "
                f"{listed(result['changed'])}. The change was sent again, and nothing was deleted. Retry to verify it."
            )
        return
    new_roles, old_roles, before = roles_of(uses, plan.new), roles_of(uses, *plan.old), roles_of(plan.uses, *plan.old)
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
            f"Campaigns {listed(lost)} don't target audience {plan.new}, although IQM confirmed the change. The "
            "change was sent again, and nothing was deleted. Retry to verify it."
        )
    unchanged = [key for key, role in changed.items() if key in old_roles or new_roles[key] != frozenset((role,))]
    if unchanged:
        raise IQMError(
            f"Campaigns {listed(unchanged)} still target {label(plan.old)}, although IQM confirmed the change to "
            f"{plan.new}. Nothing was deleted. Retry to change them again."
        )
    late = old_roles.keys() - plan.changes.keys() - plan.failed.keys()
    if plan.all_campaigns and late:
        raise IQMError(
            f"Campaigns {listed(sorted(late))} started to use {label(plan.old)} during its replacement with "
            f"{plan.new}. Nothing was deleted. Retry to change them, too."
        )
