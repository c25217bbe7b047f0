"""The report of cleaning a list: counts only, no values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_iqm.wording import count_of, quote_names


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """
    What a suppression list has done to a list.

    :param name: The file's name as messages show it.
    :param columns: The columns that were compared.
    :param records: Records on the suppression list.
    :param malformed: Columns that are compared together → their values that are malformed, so that they suppress
        nobody.
    :param suppressed: Records of the list that were left out.
    """

    name: str
    columns: tuple[str, ...]
    records: int
    malformed: dict[tuple[str, ...], int]
    suppressed: int

    def __str__(self) -> str:
        """Say how many records were suppressed, and by what."""
        return (
            f"{count_of(self.suppressed, 'record')} by {quote_names(self.columns)}; "
            f"{self.name} has {count_of(self.records, 'record')}"
        )

    @property
    def warnings(self) -> list[str]:
        """The warnings of values that suppress nobody."""
        return [
            f"{self.name}: {describe_malformed(columns, count)} can't suppress anyone"
            for columns, count in self.malformed.items()
        ]


def describe_malformed(columns: tuple[str, ...], count: int) -> str:
    """
    Describe malformed values of a suppression list: ``3 malformed values in 'email'``.

    :param columns: Columns that are compared together.
    :param count: How many.
    """
    noun = "malformed value" if len(columns) == 1 else "incomplete or malformed record"
    return f"{count_of(count, noun)} in {quote_names(columns)}"


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
    :param suppression: What the suppression list has done; ``None`` if there is none.
    """

    records_read: int
    records_kept: int
    dropped: dict[str, int]
    duplicates: int
    seconds: float
    repaired: dict[str, int] = field(default_factory=dict)
    damage: dict[str, int] = field(default_factory=dict)
    suppression: Suppression | None = None

    def counts(self) -> dict[str, Any]:
        """Return the counts as plain data, for XCom."""
        counts: dict[str, Any] = {
            "records_read": self.records_read,
            "records_kept": self.records_kept,
            "dropped": dict(self.dropped),
            "duplicates": self.duplicates,
            "seconds": round(self.seconds, 3),
        }
        if self.suppression:
            counts["suppressed"] = self.suppression.suppressed
        found = {"repaired": dict(self.repaired), "damage": dict(self.damage)}
        return counts | {name: labels for name, labels in found.items() if labels}

    def __str__(self) -> str:
        """Format the report, one line per count."""
        lines = [("records read", self.records_read), ("records kept", self.records_kept)]
        lines += [(f"dropped: {reason}", count) for reason, count in sorted(self.dropped.items())]
        if self.suppression:
            lines.append(("suppressed", self.suppression.suppressed))
        lines.append(("duplicates", self.duplicates))
        lines += [(f"repaired: {label}", count) for label, count in sorted(self.repaired.items())]
        lines += [(f"damage: {label}", count) for label, count in sorted(self.damage.items())]
        width = max(len(label) for label, _ in lines)
        rows = [f"  {label:<{width}}  {count:>11,}" for label, count in lines]
        return "\n".join([*rows, f"  {'seconds':<{width}}  {self.seconds:>11,.1f}"])
