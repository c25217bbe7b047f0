"""Reports the audiences of a task in asset events or, without an outlet for them, in XCom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_iqm.assets.outlets import AudienceEvent, AudienceLimits, describe_in_asset_events
from airflow_provider_iqm.links.matched_audience import audience_url
from airflow_provider_iqm.operators.xcom import push_xcom
from airflow_provider_iqm.runtime.best_effort import best_effort

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

XCOM_KEY = "audience_event"
"""The XCom key of an audience that no asset event describes."""


def report_audiences(task: Any, context: Context, events: Sequence[AudienceEvent]) -> bool:
    """
    Describe audiences in the asset events of a task's outlets; if no outlet is an audience, push them to XCom.

    :param task: The task, which has a hook to IQM.
    :param context: The task's context.
    :param events: The ``extra`` of each audience's event.
    :return: Whether any outlet is a matched audience.
    """
    limits = audience_limits(task)
    for event in events:
        with best_effort(task.log, "add the link to IQM to the audience's event"):
            event["url"] = audience_url(task.hook.settings.credentials.workspace_host, [event["audience_id"]])
        if limits:
            event["limits"] = limits
    described = describe_in_asset_events(task, context, events)
    if not described:
        value: Any = events[0] if len(events) == 1 else {"audiences": list(events)}
        push_xcom(task, context, XCOM_KEY, value)
    return described


def audience_limits(task: Any) -> AudienceLimits:
    """
    Return the limits that a task's arguments set.

    :param task: The task.
    """
    values = {name: getattr(task, name, None) for name in AudienceLimits.__annotations__}
    return cast("AudienceLimits", {name: value for name, value in values.items() if value is not None})
