"""The gate that a ready audience has to pass: how much of the list IQM must have matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, get_args

from airflow_provider_iqm.api.audience import ReadyAudience
from airflow_provider_iqm.exceptions import AudienceOptionError, LowMatchRateError
from airflow_provider_iqm.log import Log

OnLowMatchRate = Literal["fail", "warn"]

ADVICE = (
    "Look for what has changed upstream in how the list is made: normalised otherwise, hashed twice or not at all, "
    "another column, zips without their zeros."
)


class GatedTask(Protocol):
    """A task with the arguments of a gate."""

    min_match_rate: float | None
    max_match_rate_drop: float | None
    on_low_match_rate: OnLowMatchRate


@dataclass(frozen=True, kw_only=True)
class MatchRateGate:
    """
    Limits to an audience's match rate.

    A rate that IQM doesn't tell passes no gate. An audience that has passed is not compared with itself.

    :param min_match_rate: The lowest rate, in percent.
    :param max_match_rate_drop: By how many percentage points it may be below the rate of the audience before.
    :param on_low_match_rate: Whether a rate that is too low fails, or is only told.
    """

    min_match_rate: float | None = None
    max_match_rate_drop: float | None = None
    on_low_match_rate: OnLowMatchRate = "fail"

    def __post_init__(self) -> None:
        """
        Check the limits.

        :raises AudienceOptionError: where one can't be used.
        """
        for name in ("min_match_rate", "max_match_rate_drop"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 100):
                raise AudienceOptionError(f"{name} is {value!r}. It must be a number from 0 to 100: IQM gives percent.")
        if self.on_low_match_rate not in get_args(OnLowMatchRate):
            raise AudienceOptionError(f'on_low_match_rate is {self.on_low_match_rate!r}. It must be "fail" or "warn".')

    @classmethod
    def of(cls, task: GatedTask) -> Self:
        """
        Return the gate that a task's arguments ask for.

        :param task: The task.
        :raises AudienceOptionError: where one of them can't be used.
        """
        return cls(
            min_match_rate=task.min_match_rate,
            max_match_rate_drop=task.max_match_rate_drop,
            on_low_match_rate=task.on_low_match_rate,
        )

    @property
    def asked(self) -> bool:
        """Whether there is any limit."""
        return self.min_match_rate is not None or self.max_match_rate_drop is not None

    def check(self, ready: Sequence[ReadyAudience], earlier: Sequence[ReadyAudience], log: Log) -> None:
        """
        Let audiences pass, or not.

        :param ready: The audiences that are ready now.
        :param earlier: Those that have passed last.
        :param log: Where is told what is too low, if that fails nothing, and what can't be compared.
        :raises LowMatchRateError: where a rate is too low.
        """
        if not self.asked:
            return
        faults = [
            fault for audience in ready if (fault := self._fault(audience, _before(audience, ready, earlier), log))
        ]
        if not faults:
            return
        message = f"{' '.join(faults)} {ADVICE}"
        if self.on_low_match_rate == "fail":
            raise LowMatchRateError(message)
        log.warning("%s", message)

    def _fault(self, audience: ReadyAudience, before: ReadyAudience | None, log: Log) -> str | None:
        label, rate = f'Audience {audience["id"]} "{audience["name"]}"', audience["match_rate"]
        if rate is None:
            return f"{label} is ready, but IQM doesn't tell its match rate."
        if self.min_match_rate is not None and rate < self.min_match_rate:
            return f"{label} has a match rate of {rate:.2f} %, below the {self.min_match_rate:g} % that are asked for."
        if self.max_match_rate_drop is None or (before and before["id"] == audience["id"]):
            return None
        if before is None or before["match_rate"] is None:
            log.info("%s has a match rate of %.2f %%; there is no earlier one to compare it with", label, rate)
            return None
        drop = before["match_rate"] - rate
        told = f"audience {before['id']} before it had {before['match_rate']:.2f} %"
        if drop > self.max_match_rate_drop:
            return (
                f"{label} has a match rate of {rate:.2f} %, {told}: it fell by {drop:.2f} percentage points, "
                f"more than the {self.max_match_rate_drop:g} that are allowed."
            )
        log.info("%s has a match rate of %.2f %%; %s", label, rate, told)
        return None


def _before(
    audience: ReadyAudience, ready: Sequence[ReadyAudience], earlier: Sequence[ReadyAudience]
) -> ReadyAudience | None:
    """Find an audience's predecessor: the only one, whatever its name; of several, the one of the same name."""
    if len(ready) == len(earlier) == 1:
        return earlier[0]
    return next((item for item in earlier if item["name"] == audience["name"]), None)
