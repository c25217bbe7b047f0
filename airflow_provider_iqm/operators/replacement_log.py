"""What a task logs of an audience that it has replaced by another one."""

from __future__ import annotations

from airflow_provider_iqm.api.replacement import Replacement
from airflow_provider_iqm.log import Log
from airflow_provider_iqm.wording import count_of


def log_replacement(log: Log, done: Replacement) -> None:
    """
    Log what a replacement has come to.

    :param log: The task's log.
    :param done: The replacement.
    """
    count = count_of(len(done["included"]) + len(done["excluded"]), "campaign")
    replaced = f" instead of {', '.join(map(str, done['old_audience_ids']))}" if done["old_audience_ids"] else ""
    log.info("Verified: audience %s is used%s by %s", done["new_audience_id"], replaced, count)
    if done["deleted"]:
        log.info("Deleted replaced audience: %s", ", ".join(map(str, done["deleted"])))
    if done["in_use"]:
        log.warning("Not deleted, since campaigns still use it: audience %s", ", ".join(map(str, done["in_use"])))
