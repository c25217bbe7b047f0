"""Whether all tasks and triggers of this Airflow run on this host."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from airflow.providers.common.compat.sdk import conf

LOCAL_EXECUTORS = {"LocalExecutor", "SequentialExecutor"}

COMPONENTS = {"scheduler", "triggerer"}
"""The components that run code of Dags with a local executor, and whose host matters."""

# Not the scheduler's children in Airflow 2, which live a little longer: "airflow scheduler - DagFileProcessor …".
_COMPONENT = re.compile(r"(?:^|[\s/])airflow\s+(scheduler|triggerer)\b(?!\s+--?\s)")


@lru_cache(maxsize=1)
def is_single_host(minute: int = 0) -> bool:  # noqa: ARG001 - part of the cache's key
    """
    Return whether it is certain that all tasks and triggers run on this host, as this user.

    The executor has to be a local one. Its setting alone proves nothing: containers of one deployment share it, and
    pods of the Kubernetes executor claim to have a local one. So the scheduler and the triggerer have to be processes
    that can be seen here; or neither is, as for a script or ``dag.test()``.

    :param minute: The answer is cached until this changes.
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
