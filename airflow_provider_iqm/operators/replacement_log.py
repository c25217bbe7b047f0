"""Logs the result of a replacement."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_iqm.api.replacement.execution import Replacement
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.wording import count_of


def log_replacement(log: Log, done: Replacement) -> None:
    """
    Log the result of a replacement.

    :param log: The task's logger.
    :param done: The replacement.
    """
    number, new = len(done["included"]) + len(done["excluded"]), done["new_audience_id"]
    used = f"{count_of(number, 'campaign')} {'uses' if number == 1 else 'use'}" if number else "No campaign uses"
    instead = f" instead of {join_ids(done['old_audience_ids'])}" if number and done["old_audience_ids"] else ""
    deleted = f"; deleted {join_ids(done['deleted'])}" if done["deleted"] else ""
    log.info("Verified: %s audience %s%s%s", used, new, instead, deleted)
    if done["in_use"]:
        log.warning("Not deleted, because campaigns still use it: audience %s", join_ids(done["in_use"]))


def join_ids(ids: Iterable[int]) -> str:
    """
    Return ids as a comma-separated list.

    :param ids: The ids.
    """
    return ", ".join(map(str, ids))
