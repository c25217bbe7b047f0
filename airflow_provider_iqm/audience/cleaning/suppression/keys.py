"""
What a suppression list and the list to clean are compared by, as SQL expressions.

The texts to compare are normalized values, or their hashes if one of the two lists has hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.options import HASH_LENGTHS, Cleaning
from airflow_provider_iqm.audience.cleaning.plan import make_plan
from airflow_provider_iqm.audience.cleaning.rules.characters import trimmed
from airflow_provider_iqm.audience.cleaning.rules.codes import hash_code
from airflow_provider_iqm.audience.cleaning.rules.field_rules import TEXT_FIELDS, hash_of
from airflow_provider_iqm.audience.mapping.column_mapping import ColumnMapping
from airflow_provider_iqm.vocabulary import DataFormat, Field, MappingKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_iqm.audience.cleaning.options import PhoneFormat
    from airflow_provider_iqm.audience.cleaning.plan import Plan
    from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource

IDENTIFYING = frozenset(
    {
        Field.EMAIL,
        Field.PHONE,
        Field.CELLPHONE,
        Field.LANDLINE,
        Field.VOTER_ID,
        Field.NPI_ID,
        Field.FULL_ADDRESS,
    }
)
"""Fields that identify a person on their own; names and ZIP codes do so only together."""


@dataclass(frozen=True)
class Keys:
    """
    Values of the suppression list that are compared with one expression.

    :param text: SQL expression of the text to compare, of a record of the list to clean.
    :param algorithm: The algorithm if the list's value is hashed for the comparison.
    """

    text: str
    algorithm: DataFormat | None = None


@dataclass(frozen=True)
class NoKeys:
    """
    Values of the suppression list that can't be compared.

    :param columns: Their columns.
    :param data_format: What they are, unlike the list's values; ``None`` if they are malformed.
    """

    columns: tuple[str, ...]
    data_format: DataFormat | None = None


@dataclass(frozen=True)
class Case:
    """
    A case of the suppression list's records.

    :param condition: SQL condition of such a record.
    :param kind: What it has.
    :param text: SQL expression of its text to compare.
    """

    condition: str
    kind: Keys | NoKeys
    text: str = "NULL"


@dataclass(frozen=True)
class KeyPlan:
    """
    How the keys of a suppression list are found.

    :param columns: The columns that are compared.
    :param records: ``SELECT`` of the suppression list's records.
    :param cases: Cases of a record; several can apply.
    """

    columns: tuple[str, ...]
    records: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class _Column:
    """
    A column of both lists.

    :param name: Its name.
    :param field: Its field.
    :param raw: SQL name of the suppression list's raw value.
    :param value: SQL name of the suppression list's normalized value.
    :param code: SQL name of the suppression list's hash; blank for other values.
    :param listed: SQL name of the normalized value in the list to clean.
    :param fault: SQL condition of a malformed raw value, in the suppression list.
    :param data_format: How the list's values are written.
    """

    name: str
    field: Field
    raw: str
    value: str
    code: str
    listed: str
    fault: str
    data_format: DataFormat

    @property
    def is_valid(self) -> str:
        """SQL condition of a valid raw value in the suppression list."""
        return f"{self.value} <> '' AND NOT ({self.fault})"

    def folded(self, value: str) -> str:
        """Ignore the letter case of names and addresses."""
        return f"lower({value})" if self.field in TEXT_FIELDS else value

    def cases(self) -> Iterator[Case]:
        """Yield the cases of a column that identifies a person on its own."""
        own = self.data_format
        if own is DataFormat.OTHER:
            text = trimmed(self.raw)
            yield Case(f"{text} <> ''", Keys(self.listed), text)
            # An unknown hash algorithm can't be applied to them.
            yield Case(self.is_valid, NoKeys((self.name,), DataFormat.RAW))
            return
        if own is DataFormat.RAW:
            yield Case(self.is_valid, Keys(self.folded(self.listed)), self.folded(self.value))
        else:
            yield Case(self.is_valid, Keys(self.listed), hash_of(self.value, own))
        for algorithm, length in HASH_LENGTHS.items():
            is_code = f"strlen({self.code}) = {length}"
            if own is DataFormat.RAW:
                yield Case(is_code, Keys(hash_of(self.listed, algorithm), algorithm), self.code)
            elif own is algorithm:
                yield Case(is_code, Keys(self.listed), self.code)
            else:
                yield Case(is_code, NoKeys((self.name,), algorithm))
        yield Case(f"({self.fault}) AND {self.code} = ''", NoKeys((self.name,)))


def make_key_plan(
    source: DuckDBSource,
    columns: Mapping[str, str],
    *,
    plan: Plan,
    mapping: ColumnMapping,
    list_columns: Sequence[str],
    phone_format: PhoneFormat,
) -> KeyPlan:
    """
    Plan how the keys of a suppression list are found.

    :param source: The suppression list.
    :param columns: File column → IQM field, of the columns that both lists have.
    :param plan: The plan of the list to clean.
    :param mapping: Its mapping.
    :param list_columns: Its columns.
    :param phone_format: Format of normalized phones.
    """
    # Normalized like the list, but without its column settings: the values may be raw although the list's are hashed.
    own_mapping = ColumnMapping(MappingKind("suppression list", ()), dict(columns), {})
    own_plan = make_plan(source, own_mapping, Cleaning(phone_format=phone_format), hashed=())
    faults = {fault.column: fault.condition for fault in own_plan.faults if fault.column}
    shared = []
    for column, name in columns.items():
        position = source.columns.index(column)
        shared.append(
            _Column(
                name=column,
                field=Field(name),
                raw=f"c{position}",
                value=f"v{position}",
                code=f"h{position}",
                listed=f"v{list_columns.index(column)}",
                fault=faults.get(column, "false"),
                data_format=plan.formats[column],
            )
        )
    compared = [column for column in shared if column.field in IDENTIFYING]
    if compared:
        cases = [case for column in compared for case in column.cases()]
    else:
        compared = [column for column in shared if column.name in mapping.key_columns] or shared
        cases = list(_cases_of_all(compared))
    codes = ", ".join(f"{hash_code(column.raw)} AS {column.code}" for column in compared)
    records = f"SELECT *, {codes} FROM ({own_plan.records})"  # noqa: S608
    return KeyPlan(tuple(column.name for column in compared), records, tuple(cases))


def _cases_of_all(columns: Sequence[_Column]) -> Iterator[Case]:
    """Yield the cases of columns that identify a person together."""
    is_valid = " AND ".join(f"({column.is_valid})" for column in columns)
    is_filled = " OR ".join(f"{column.value} <> ''" for column in columns)
    listed = _joined([column.folded(column.listed) for column in columns])
    yield Case(is_valid, Keys(listed), _joined([column.folded(column.value) for column in columns]))
    yield Case(f"({is_filled}) AND NOT ({is_valid})", NoKeys(tuple(column.name for column in columns)))


def _joined(values: Sequence[str]) -> str:
    """Join values so that no two different lists of them give the same text."""
    parts = ", ".join(f"strlen({value}), ':', {value}" for value in values)
    return f"concat({parts})"
