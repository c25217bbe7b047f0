"""The plan of cleaning a list: what DuckDB computes for each record, and which records it drops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import HASH_LENGTHS
from airflow_provider_iqm.audience.cleaning.rules.characters import stripped, trimmed
from airflow_provider_iqm.audience.cleaning.rules.codes import hash_rule, is_hash, plus_four_rule
from airflow_provider_iqm.audience.cleaning.rules.field_rules import (
    field_rule,
    hash_of,
    is_blank,
    is_valid_value,
    text_rule,
)
from airflow_provider_iqm.audience.duckdb.tally import add_sql, count_sql
from airflow_provider_iqm.vocabulary import DataFormat, Field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, Rule
    from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource
    from airflow_provider_iqm.audience.damage.damage import ColumnCheck
    from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping

RAGGED, BLANK_KEY, MIXED = "ragged", "blank key field", "raw and hashed values mixed"

SUPPRESSED = "suppressed"
"""Name of the tally of suppressed records."""

CONTENT = "content"
"""Name of the sum of content bytes, which proves that the whole file was read; see ``csv/audit.py``."""


@dataclass(frozen=True)
class Fault:
    """
    A reason to drop a record.

    :param column: File column; empty if the fault concerns the whole record.
    :param reason: Name of the fault in reports.
    :param condition: SQL condition of an invalid record.
    """

    column: str
    reason: str
    condition: str


@dataclass(frozen=True)
class ColumnRepair:
    """
    A kind of repair counted in a column.

    :param column: File column.
    :param position: The column's position, from 0.
    :param repair: The repair.
    """

    column: str
    position: int
    repair: Repair

    @property
    def label(self) -> str:
        """Name of the repair in reports."""
        return f"{self.repair.kind} ({self.column})"


@dataclass(frozen=True)
class Plan:
    """
    The SQL that cleans a list.

    :param records: ``SELECT`` of the raw columns ``c0``, ``c1``, … and, for each mapped column, of the draft ``d…`` and
        the normalized value ``v…``.
    :param outputs: Expression of each column of the cleaned copy.
    :param faults: Reasons to drop a record; the first that applies is counted.
    :param fast_path: Condition of records that need no further checks, as most: no fault, no repair.
    :param checks: Damage to count.
    :param repairs: Repairs to count.
    :param identity: Expression that is equal for duplicates: records whose mapped, normalized values are equal.
    :param formats: File column → how its normalized values are written: raw, or which hashes they are.
    """

    records: str
    outputs: tuple[str, ...]
    faults: tuple[Fault, ...]
    fast_path: str
    checks: tuple[ColumnCheck, ...]
    repairs: tuple[ColumnRepair, ...]
    identity: str
    formats: dict[str, DataFormat]

    def fault_number(self) -> str:
        """SQL expression: the number of a record's first fault; NULL for a valid record."""
        cases = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(self.faults))
        return f"CASE {cases} END"

    def is_kept(self, *, suppressed: str = "false") -> str:
        """
        SQL condition of a valid record that isn't suppressed, which also updates the tallies.

        Tallies are kept of records with each fault (:func:`fault_tally`), suppressed ones (:data:`SUPPRESSED`), values
        with each kind of damage (:func:`damage_tally`), repairs in records that are kept (:func:`repair_tally`), and
        the sum :data:`CONTENT`.

        :param suppressed: SQL condition of a record that is left out if it is valid.
        """
        counted = [add_sql(CONTENT, CONTENT)]
        counted += [
            f"CASE WHEN {check.condition()} THEN {count_sql(damage_tally(number))} ELSE 0 END"
            for number, check in enumerate(self.checks)
        ]
        # CASE evaluates its first condition exactly once per record; AND and OR guarantee no order.
        is_suppressed = f"WHEN {suppressed} THEN {count_sql(SUPPRESSED)} < 0"
        cases = [
            f"WHEN {' + '.join(counted)} < 0 THEN false",
            f"WHEN {self.fast_path} THEN CASE {is_suppressed} ELSE true END",
            *(
                f"WHEN {fault.condition} THEN {count_sql(fault_tally(number))} < 0"
                for number, fault in enumerate(self.faults)
            ),
            is_suppressed,
        ]
        return f"CASE {' '.join(cases)} ELSE {' + '.join(['0', *self._repair_counts()])} >= 0 END"

    def _repair_counts(self) -> Iterator[str]:
        """Yield one expression per column, so that a value without repairs, as most, costs a single test."""
        for position, repairs in groupby(enumerate(self.repairs), key=lambda item: item[1].position):
            counted = " + ".join(
                f"CASE WHEN {item.repair.condition} THEN {count_sql(repair_tally(number))} ELSE 0 END"
                for number, item in repairs
            )
            yield f"CASE WHEN d{position} IS NULL OR v{position} = '' THEN 0 ELSE {counted} END"


def fault_tally(number: int) -> str:
    """Return the name of a fault's tally."""
    return f"fault{number}"


def damage_tally(number: int) -> str:
    """Return the name of the tally of a kind of damage."""
    return f"damage{number}"


def repair_tally(number: int) -> str:
    """Return the name of the tally of a kind of repair."""
    return f"repair{number}"


def make_plan(source: DuckDBSource, mapping: ColumnMapping, cleaning: Cleaning, *, hashed: Collection[str]) -> Plan:
    """
    Make the plan of cleaning a list.

    :param source: The list.
    :param mapping: The resolved mapping, with the settings of the cleaned copy.
    :param cleaning: Cleaning options.
    :param hashed: Columns of ``hash_columns`` whose values are already hashed.
    """
    hashes = cleaning.hashes()
    formats = {column: _format(mapping, cleaning, column, hashed=column in hashed) for column in mapping.columns}
    outputs = [f"c{position}" for position in range(len(source.columns))]
    drafts: list[str] = []
    values: list[str] = []
    faults = [Fault("", RAGGED, source.ragged)]
    fast_path = ["NOT ragged"]
    repairs: list[ColumnRepair] = []
    for column, name in mapping.columns.items():
        position, field, algorithm = source.columns.index(column), Field(name), hashes.get(column)
        raw, normal = f"c{position}", f"v{position}"
        rule = _rule(source, mapping, cleaning, column, formats[column])
        drafts.append(f"{rule.draft} AS d{position}")
        values.append(f"{rule.value} AS {normal}")
        fast_path.append(f"d{position} IS NULL")
        if column in mapping.key_columns:
            # Without normalization, a voter ID is uploaded unchanged, even with invisible characters.
            fast_path.append(f"{normal} <> ''")
            opaque = is_blank(normal if cleaning.normalize else raw)
            faults.append(Fault(column, BLANK_KEY, opaque if field is Field.VOTER_ID else f"{normal} = ''"))
        if algorithm:
            faults.append(Fault(column, MIXED, _is_mixed(field, rule, cleaning, raw, hashed=column in hashed)))
            outputs[position] = normal if column in hashed else hash_of(normal, algorithm)
        elif cleaning.normalize:
            outputs[position] = normal
        if outputs[position] != raw:
            repairs += [ColumnRepair(column, position, repair) for repair in rule.repairs]
        if rule.fault:
            faults.append(Fault(column, rule.reason, f"{normal} <> '' AND ({rule.fault})"))
    raws = [f"c{position}" for position in range(len(source.columns))]
    drafts += [f"{source.ragged} AS ragged", f"{source.content} AS {CONTENT}"]
    identity = ", ".join(
        f"strlen(v{position}), ':', v{position}" for position in map(source.columns.index, mapping.columns)
    )
    return Plan(
        records=f"SELECT *, {', '.join(values)} FROM (SELECT {', '.join([*raws, *drafts])} FROM {source.sql})",  # noqa: S608
        outputs=tuple(outputs),
        faults=(replace(faults[0], condition="ragged"), *faults[1:]),
        fast_path=" AND ".join(fast_path),
        checks=tuple(source.checks(mapping.columns)),
        repairs=tuple(repairs),
        identity=f"md5_number(concat({identity}))",
        formats=formats,
    )


def sample_query(source: DuckDBSource, mapping: ColumnMapping, cleaning: Cleaning, column: str) -> str:
    """Return the query for a column's first value that is a hash or a valid raw value."""
    rule = field_rule(
        Field(mapping.columns[column]), raw="raw", draft="draft", normal="normal", phone_format=cleaning.phone_format
    )
    values = f"SELECT c{source.columns.index(column)} AS raw FROM {source.sql}"  # noqa: S608
    drafts = f"SELECT raw, {rule.draft} AS draft FROM ({values})"  # noqa: S608
    records = f"SELECT raw, draft, {rule.value} AS normal FROM ({drafts})"  # noqa: S608
    is_sample = f"{is_hash('raw')} OR CASE WHEN normal = '' THEN false ELSE NOT ({rule.fault}) END"
    return f"SELECT {stripped('raw')} FROM ({records}) WHERE {is_sample} LIMIT 1"  # noqa: S608


def detect_hash(value: str) -> DataFormat | None:
    """Detect a hash algorithm by the length of a value; ``None`` for a raw value."""
    if set(value) <= set("0123456789abcdefABCDEF"):
        return next((algorithm for algorithm, length in HASH_LENGTHS.items() if length == len(value)), None)
    return None


def _format(mapping: ColumnMapping, cleaning: Cleaning, column: str, *, hashed: bool) -> DataFormat:
    """Return how the normalized values of a column are written, before they are hashed."""
    field, algorithm = Field(mapping.columns[column]), cleaning.hashes().get(column)
    if algorithm:
        return algorithm if hashed else DataFormat.RAW
    if field in (Field.EMAIL, Field.PHONE):
        # The column setting declares what the values are.
        return DataFormat(mapping.settings.get(field.value, DataFormat.RAW))
    return DataFormat.RAW


def _rule(
    source: DuckDBSource, mapping: ColumnMapping, cleaning: Cleaning, column: str, data_format: DataFormat
) -> Rule:
    position, field = source.columns.index(column), Field(mapping.columns[column])
    raw, draft, normal = f"c{position}", f"d{position}", f"v{position}"
    if data_format is DataFormat.OTHER:
        return text_rule(raw=raw, draft=draft, text=trimmed(raw))
    if data_format is not DataFormat.RAW:
        return hash_rule(data_format, raw=raw, draft=draft)
    if field is Field.ZIP_PLUS_4:
        zips = [source.columns.index(column) for column, name in mapping.columns.items() if name == Field.ZIP]
        return plus_four_rule(raw=raw, draft=draft, zip_draft=f"d{zips[0]}" if zips else None)
    return field_rule(field, raw=raw, draft=draft, normal=normal, phone_format=cleaning.phone_format)


def _is_mixed(field: Field, rule: Rule, cleaning: Cleaning, raw: str, *, hashed: bool) -> str:
    """Condition of a raw value among hashes, or a hash among raw values or among hashes of another algorithm."""
    # Values of the column's own kind have no fault, so the first condition skips them.
    cases = f"WHEN {rule.fault} THEN {is_hash(raw)}"
    if hashed:
        cases += f" OR {is_valid_value(field, raw, phone_format=cleaning.phone_format)}"
    else:
        cases = f"WHEN strlen({raw}) < {min(HASH_LENGTHS.values())} THEN false {cases}"
    return f"CASE {cases} ELSE false END"
