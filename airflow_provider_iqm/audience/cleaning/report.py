"""What became of a list's records: counts, and nothing else of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """
    The account of one cleaning.

    :param records_read: The records of the file as it was given.
    :param records_kept: The records of the cleaned copy.
    :param dropped: Reason → how many records were left out for it; each record counts once.
    :param duplicates: How many records were left out because an earlier one says the same.
    :param repaired: Kind of repair, and its column → how many values were repaired in records without a fault.
    :param damage: Kind of damage, and its column → how many values of the file as it was given seem to have it.
    :param seconds: How long the cleaning took.
    """

    records_read: int
    records_kept: int
    dropped: dict[str, int]
    duplicates: int
    seconds: float
    repaired: dict[str, int] = field(default_factory=dict)
    damage: dict[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """Give the counts as plain data, for XCom."""
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
        """Write the account as one block, a line for each count."""
        lines = [("records read", self.records_read), ("records kept", self.records_kept)]
        lines += [(f"dropped: {reason}", count) for reason, count in sorted(self.dropped.items())]
        lines.append(("duplicates", self.duplicates))
        lines += [(f"repaired: {label}", count) for label, count in sorted(self.repaired.items())]
        lines += [(f"damage: {label}", count) for label, count in sorted(self.damage.items())]
        width = max(len(label) for label, _ in lines)
        rows = [f"  {label:<{width}}  {count:>11,}" for label, count in lines]
        return "\n".join([*rows, f"  {'seconds':<{width}}  {self.seconds:>11,.1f}"])
