"""The match rate that a ready audience must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from airflow_provider_iqm.api.audience import ReadyAudience
from airflow_provider_iqm.exceptions import AudienceOptionError

OnLowMatchRate = Literal["fail", "warn"]

ADVICE = (
    "Check what has changed upstream: another normalization, values hashed twice or not at all, another column, ZIP "
    "codes without their leading zeros."
)


@dataclass
class MatchRateFindings:
    """
    The result of a check.

    :param problems: What is wrong with match rates, a sentence for each audience.
    :param comparisons: The comparisons with previous audiences that found nothing wrong.
    """

    problems: list[str] = field(default_factory=list)
    comparisons: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The problems, and what to do."""
        return f"{' '.join(self.problems)} {ADVICE}"


@dataclass(frozen=True, kw_only=True)
class MatchRateGate:
    """
    Limits to an audience's match rate.

    An audience without a match rate doesn't pass. One that has passed before isn't compared with itself.

    :param min_match_rate: The lowest rate, in percent.
    :param max_match_rate_drop: How many percentage points it may be below that of the previous audience.
    :param on_low_match_rate: Whether a rate that is too low fails the task, or is only a warning.
    """

    min_match_rate: float | None = None
    max_match_rate_drop: float | None = None
    on_low_match_rate: OnLowMatchRate = "fail"

    def __post_init__(self) -> None:
        """
        Check the limits.

        :raises AudienceOptionError: One can't be used.
        """
        for name in ("min_match_rate", "max_match_rate_drop"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 100):
                raise AudienceOptionError(f"{name} is {value!r}. It must be a percentage from 0 to 100.")
        if self.on_low_match_rate not in get_args(OnLowMatchRate):
            raise AudienceOptionError(f'on_low_match_rate is {self.on_low_match_rate!r}. It must be "fail" or "warn".')

    @property
    def has_limits(self) -> bool:
        """Whether there is any limit."""
        return self.min_match_rate is not None or self.max_match_rate_drop is not None

    def check(self, ready: Sequence[ReadyAudience], previous: Sequence[ReadyAudience]) -> MatchRateFindings:
        """
        Check the match rates of audiences.

        :param ready: The audiences that are ready now.
        :param previous: Those that passed last.
        """
        findings = MatchRateFindings()
        if self.has_limits:
            for audience in ready:
                self._check(audience, _previous(audience, ready, previous), findings)
        return findings

    def _check(self, audience: ReadyAudience, previous: ReadyAudience | None, findings: MatchRateFindings) -> None:
        label, rate = f'Audience {audience["id"]} "{audience["name"]}"', audience["match_rate"]
        if rate is None:
            findings.problems.append(f"{label} is ready, but IQM didn't report its match rate.")
            return
        has_rate = f"{label} has a match rate of {rate:.2f} %"
        if self.min_match_rate is not None and rate < self.min_match_rate:
            findings.problems.append(f"{has_rate}, below the minimum of {self.min_match_rate:g} %.")
            return
        if self.max_match_rate_drop is None or (previous and previous["id"] == audience["id"]):
            return
        if previous is None or previous["match_rate"] is None:
            findings.comparisons.append(f"{has_rate}; there is no previous one to compare with")
            return
        drop = previous["match_rate"] - rate
        previous_rate = f"previous audience {previous['id']} had {previous['match_rate']:.2f} %"
        if drop > self.max_match_rate_drop:
            findings.problems.append(
                f"{has_rate}, {previous_rate}: it dropped by {drop:.2f} percentage points, more than the allowed "
                f"{self.max_match_rate_drop:g}."
            )
        else:
            findings.comparisons.append(f"{has_rate}; {previous_rate}")


def _previous(
    audience: ReadyAudience, ready: Sequence[ReadyAudience], previous: Sequence[ReadyAudience]
) -> ReadyAudience | None:
    """Find an audience's predecessor: the only one, whatever its name; of several, the one of the same name."""
    if len(ready) == len(previous) == 1:
        return previous[0]
    return next((item for item in previous if item["name"] == audience["name"]), None)
