"""The plan of a cleaning: what DuckDB is to compute of each record, and when it leaves one out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import HASH_LENGTHS
from airflow_provider_iqm.audience.cleaning.rules.characters import bare, trimmed
from airflow_provider_iqm.audience.cleaning.rules.codes import hash_rule, is_hash, plus_four_rule
from airflow_provider_iqm.audience.cleaning.rules.field_rules import hash_of, is_blank, is_fit, rule_for, text_rule
from airflow_provider_iqm.audience.duckdb.tally import draw, draw_sum
from airflow_provider_iqm.vocabulary import DataFormat, Field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_iqm.audience.cleaning.options import Cleaning
    from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, Rule
    from airflow_provider_iqm.audience.csv.duckdb_source import Source
    from airflow_provider_iqm.audience.damage.damage import ColumnCheck
    from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping

RAGGED, BLANK_KEY, MIXED = "ragged", "blank key field", "raw and hashed values mixed"

CONTENT = "content"
"""The sum over all records that the audit needs: see :func:`~.csv_audit.content_lengths`."""


@dataclass(frozen=True)
class Fault:
    """
    A reason to leave a record out.

    :param column: The file's column; blank where it is the whole record.
    :param reason: What a report calls it.
    :param condition: The SQL condition.
    """

    column: str
    reason: str
    condition: str


@dataclass(frozen=True)
class ColumnRepair:
    """
    A kind of repair to count in a column.

    :param column: The file's column.
    :param position: Its position, from 0.
    :param repair: What to count.
    """

    column: str
    position: int
    repair: Repair

    @property
    def label(self) -> str:
        """The name that a report uses."""
        return f"{self.repair.kind} ({self.column})"


@dataclass(frozen=True)
class Plan:
    """
    A cleaning in SQL.

    :param records: The ``SELECT`` of the raw columns ``c…`` and, of each mapped one, the draft ``d…`` and the
        normalized ``v…``.
    :param outputs: The expression of each column of the cleaned copy.
    :param faults: The reasons to leave a record out; the first that holds counts.
    :param usual: The condition of a record, as most are, that needs no closer look: no fault, nothing repaired.
    :param checks: The damage to count.
    :param repairs: The repairs to count.
    :param identity: The expression that two records share where their mapped, normalized values are all the same.
    """

    records: str
    outputs: tuple[str, ...]
    faults: tuple[Fault, ...]
    usual: str
    checks: tuple[ColumnCheck, ...]
    repairs: tuple[ColumnRepair, ...]
    identity: str

    def fault_number(self) -> str:
        """The SQL expression of a record's first fault, as its number; NULL where it has none."""
        cases = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(self.faults))
        return f"CASE {cases} END"

    def is_kept(self) -> str:
        """
        The SQL condition of a record without a fault, which keeps the tallies too.

        They are the number of records with each fault, by :func:`fault_tally`, with each kind of damage, by
        :func:`damage_tally`, of records without a fault that have each repair, by :func:`repair_tally`, and
        :data:`CONTENT`.
        """
        counted = [draw_sum(CONTENT, CONTENT)]
        counted += [
            f"CASE WHEN {check.condition()} THEN {draw(damage_tally(number))} ELSE 0 END"
            for number, check in enumerate(self.checks)
        ]
        # A CASE's first condition is asked of every record, and once: AND and OR ask for theirs in any order.
        cases = [f"WHEN {' + '.join(counted)} < 0 THEN false", f"WHEN {self.usual} THEN true"]
        cases += [
            f"WHEN {fault.condition} THEN {draw(fault_tally(number))} < 0" for number, fault in enumerate(self.faults)
        ]
        return f"CASE {' '.join(cases)} ELSE {' + '.join(['0', *self._repaired()])} >= 0 END"

    def _repaired(self) -> Iterator[str]:
        """Give one expression for each column, so that most values, which aren't repaired, cost one test."""
        for position, repairs in groupby(enumerate(self.repairs), key=lambda item: item[1].position):
            counted = " + ".join(
                f"CASE WHEN {item.repair.condition} THEN {draw(repair_tally(number))} ELSE 0 END"
                for number, item in repairs
            )
            yield f"CASE WHEN d{position} IS NULL OR v{position} = '' THEN 0 ELSE {counted} END"


def fault_tally(number: int) -> str:
    """Name the tally of a fault."""
    return f"fault{number}"


def damage_tally(number: int) -> str:
    """Name the tally of a kind of damage."""
    return f"damage{number}"


def repair_tally(number: int) -> str:
    """Name the tally of a kind of repair."""
    return f"repair{number}"


def make_plan(source: Source, mapping: ColumnMapping, cleaning: Cleaning, *, hashed: Collection[str]) -> Plan:
    """
    Plan a cleaning.

    :param source: The list.
    :param mapping: The mapping, resolved; its settings are those of the cleaned copy.
    :param cleaning: What is asked for.
    :param hashed: Those of the columns to hash whose values are hashes already.
    """
    hashes = cleaning.hashes()
    outputs = [f"c{position}" for position in range(len(source.columns))]
    drafts: list[str] = []
    values: list[str] = []
    faults = [Fault("", RAGGED, source.ragged)]
    usual = ["NOT ragged"]
    repairs: list[ColumnRepair] = []
    for column, name in mapping.columns.items():
        position, field, algorithm = source.columns.index(column), Field(name), hashes.get(column)
        raw, normal = f"c{position}", f"v{position}"
        rule = _rule(source, mapping, cleaning, column, hashed=column in hashed)
        drafts.append(f"{rule.draft} AS d{position}")
        values.append(f"{rule.value} AS {normal}")
        usual.append(f"d{position} IS NULL")
        if column in mapping.key_columns:
            # An ID goes out as it is, invisible characters too, unless it is normalized.
            usual.append(f"{normal} <> ''")
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
        usual=" AND ".join(usual),
        checks=tuple(source.checks(mapping.columns)),
        repairs=tuple(repairs),
        identity=f"md5_number(concat({identity}))",
    )


def telling_value(source: Source, mapping: ColumnMapping, cleaning: Cleaning, column: str) -> str:
    """Select a column's first value that is either hashed or fit to be, without what may be around it."""
    rule = rule_for(
        Field(mapping.columns[column]), raw="raw", draft="draft", normal="normal", phone_format=cleaning.phone_format
    )
    values = f"SELECT c{source.columns.index(column)} AS raw FROM {source.sql}"  # noqa: S608
    drafts = f"SELECT raw, {rule.draft} AS draft FROM ({values})"  # noqa: S608
    records = f"SELECT raw, draft, {rule.value} AS normal FROM ({drafts})"  # noqa: S608
    is_telling = f"{is_hash('raw')} OR CASE WHEN normal = '' THEN false ELSE NOT ({rule.fault}) END"
    return f"SELECT {bare('raw')} FROM ({records}) WHERE {is_telling} LIMIT 1"  # noqa: S608


def hash_in(value: str) -> DataFormat | None:
    """Tell a hash by its length; ``None`` for a raw value."""
    if set(value) <= set("0123456789abcdefABCDEF"):
        return next((algorithm for algorithm, length in HASH_LENGTHS.items() if length == len(value)), None)
    return None


def _rule(source: Source, mapping: ColumnMapping, cleaning: Cleaning, column: str, *, hashed: bool) -> Rule:
    position, field = source.columns.index(column), Field(mapping.columns[column])
    raw, draft, normal = f"c{position}", f"d{position}", f"v{position}"
    algorithm = cleaning.hashes().get(column)
    if algorithm and hashed:
        return hash_rule(algorithm, raw=raw, draft=draft)
    setting = mapping.settings.get(field.value)
    if not algorithm and field in (Field.EMAIL, Field.PHONE) and setting not in (None, DataFormat.RAW):
        # The user says that these are hashes.
        if setting == DataFormat.OTHER:
            return text_rule(raw=raw, draft=draft, text=trimmed(raw))
        return hash_rule(DataFormat(setting), raw=raw, draft=draft)
    if field is Field.ZIP_PLUS_4:
        zips = [source.columns.index(column) for column, name in mapping.columns.items() if name == Field.ZIP]
        return plus_four_rule(raw=raw, draft=draft, zip_draft=f"d{zips[0]}" if zips else None)
    return rule_for(field, raw=raw, draft=draft, normal=normal, phone_format=cleaning.phone_format)


def _is_mixed(field: Field, rule: Rule, cleaning: Cleaning, raw: str, *, hashed: bool) -> str:
    """The condition of a value that is raw among hashes, or a hash among raw values or among hashes of another kind."""
    # What is among its like has no fault, and needs no closer look.
    cases = f"WHEN {rule.fault} THEN {is_hash(raw)}"
    if hashed:
        cases += f" OR {is_fit(field, raw, phone_format=cleaning.phone_format)}"
    else:
        cases = f"WHEN strlen({raw}) < {min(HASH_LENGTHS.values())} THEN false {cases}"
    return f"CASE {cases} ELSE false END"
