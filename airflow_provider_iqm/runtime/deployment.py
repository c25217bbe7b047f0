"""Detects whether all tasks and triggers of this Airflow run on this host."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from airflow.providers.common.compat.sdk import conf

LOCAL_EXECUTORS = {"LocalExecutor", "SequentialExecutor"}

COMPONENTS = {"scheduler", "triggerer"}
"""The components that run code of Dags with a local executor."""

# Without the scheduler's children in Airflow 2, which may outlive it: "airflow scheduler - DagFileProcessor …".
_COMPONENT = re.compile(r"(?:^|[\s/])airflow\s+(scheduler|triggerer)\b(?!\s+--?\s)")


@lru_cache(maxsize=1)
def is_single_host(minute: int = 0) -> bool:  # noqa: ARG001 - part of the cache's key
    """
    Return whether all tasks and triggers certainly run on this host, as this user.

    That requires a local executor. The setting isn't sufficient: all containers of a deployment have it, and pods of
    the Kubernetes executor have a local one. So either both the scheduler and the triggerer must be visible processes
    of this host, or neither, as with a script or ``dag.test()``.

    :param minute: The result is cached until this changes.
    """
    executors = {name.strip().rpartition(".")[2] for name in str(conf.get("core", "executor", fallback="")).split(",")}
    if not executors <= LOCAL_EXECUTORS or os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD"):
        return False
    own, others = _visible_components()
    return own == COMPONENTS or not own | others


def _visible_components() -> tuple[set[str], set[str]]:
    """Return which components run on this host as this user, and as other users."""
    import psutil

    own: set[str] = set()
    others: set[str] = set()
    for process in psutil.process_iter(["cmdline", "uids"]):
        component = _COMPONENT.search(" ".join(process.info["cmdline"] or ()))
        if component:
            uids = process.info["uids"]
            (own if uids and uids.effective == os.geteuid() else others).add(component[1])
    return own, others
