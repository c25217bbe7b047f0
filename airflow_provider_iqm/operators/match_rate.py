"""The check of match rates: one for operators and sensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from airflow_provider_iqm.api.audience import ReadyAudience
from airflow_provider_iqm.api.polling.match_rate import MatchRateGate, OnLowMatchRate
from airflow_provider_iqm.exceptions import LowMatchRateError
from airflow_provider_iqm.log import Log


class TaskWithMatchRates(Protocol):
    """A task with the arguments that limit match rates."""

    min_match_rate: float | None
    max_match_rate_drop: float | None
    on_low_match_rate: OnLowMatchRate


def match_rate_gate(task: TaskWithMatchRates) -> MatchRateGate:
    """
    Return the limits that a task's arguments set.

    :param task: The task.
    :raises AudienceOptionError: One of them can't be used.
    """
    return MatchRateGate(
        min_match_rate=task.min_match_rate,
        max_match_rate_drop=task.max_match_rate_drop,
        on_low_match_rate=task.on_low_match_rate,
    )


def check_match_rates(
    gate: MatchRateGate, ready: Sequence[ReadyAudience], previous: Sequence[ReadyAudience], log: Log
) -> None:
    """
    Check match rates, and log the findings.

    :param gate: The limits.
    :param ready: The audiences that are ready now.
    :param previous: Those that passed last.
    :param log: The task's log.
    :raises LowMatchRateError: A match rate is too low or unknown, and that isn't to be only a warning.
    """
    findings = gate.check(ready, previous)
    for comparison in findings.comparisons:
        log.info("%s", comparison)
    if findings.problems and gate.on_low_match_rate == "fail":
        raise LowMatchRateError(findings.message)
    if findings.problems:
        log.warning("%s", findings.message)
