"""The report of cleaning a list: counts only, no values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """
    The counts of cleaning a list.

    :param records_read: Records in the original file.
    :param records_kept: Records in the cleaned copy.
    :param dropped: Reason → records dropped; each record is counted once.
    :param duplicates: Records dropped because they repeat an earlier one.
    :param repaired: Kind of repair and column → values repaired in valid records.
    :param damage: Kind of damage and column → values of the original file that appear damaged.
    :param seconds: Duration of the cleaning, in seconds.
    """

    records_read: int
    records_kept: int
    dropped: dict[str, int]
    duplicates: int
    seconds: float
    repaired: dict[str, int] = field(default_factory=dict)
    damage: dict[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """Return the counts as plain data, for XCom."""
        counts: dict[str, Any] = {
            "records_read": self.records_read,
            "records_kept": self.records_kept,
            "dropped": dict(self.dropped),
            "duplicates": self.duplicates,
            "seconds": round(self.seconds, 3),
        }
        found = {"repaired": dict(self.repaired), "damage": dict(self.damage)}
        return counts | {name: labels for name, labels in found.items() if labels}

    def __str__(self) -> str:
        """Format the report, one line per count."""
        lines = [("records read", self.records_read), ("records kept", self.records_kept)]
        lines += [(f"dropped: {reason}", count) for reason, count in sorted(self.dropped.items())]
        lines.append(("duplicates", self.duplicates))
        lines += [(f"repaired: {label}", count) for label, count in sorted(self.repaired.items())]
        lines += [(f"damage: {label}", count) for label, count in sorted(self.damage.items())]
        width = max(len(label) for label, _ in lines)
        rows = [f"  {label:<{width}}  {count:>11,}" for label, count in lines]
        return "\n".join([*rows, f"  {'seconds':<{width}}  {self.seconds:>11,.1f}"])
