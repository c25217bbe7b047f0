"""The keys of a suppression list in DuckDB, which marks the records that have one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.cleaning.suppression.keys import KeyPlan, Keys, NoKeys
from airflow_provider_iqm.audience.cleaning_report import Suppression, describe_malformed
from airflow_provider_iqm.audience.duckdb.functions import add_sha512
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.vocabulary import DataFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from duckdb import DuckDBPyConnection

    from airflow_provider_iqm.audience.cleaning.suppression.suppression_list import SuppressionList
    from airflow_provider_iqm.audience.csv.duckdb_source import DuckDBSource


@dataclass(frozen=True)
class SuppressionKeys:
    """
    The keys of a suppression list, in the table ``suppression_keys`` of a connection.

    :param name: The file's name, for messages.
    :param columns: The columns that are compared.
    :param records: Number of records on the suppression list.
    :param counts: What the records have → how often.
    :param numbers: What the records have → its number in the table.
    """

    name: str
    columns: tuple[str, ...]
    records: int
    counts: Mapping[Keys | NoKeys, int]
    numbers: Mapping[Keys | NoKeys, int] = field(repr=False)

    @property
    def malformed(self) -> dict[tuple[str, ...], int]:
        """Columns → values that are malformed, so that they suppress nobody."""
        return {
            kind.columns: count
            for kind, count in self.counts.items()
            if isinstance(kind, NoKeys) and kind.data_format is None
        }

    def summarize(self, suppressed: int) -> Suppression:
        """
        Summarize what the suppression list has done.

        :param suppressed: Records of the list that were left out.
        """
        return Suppression(
            name=self.name,
            columns=self.columns,
            records=self.records,
            malformed=self.malformed,
            suppressed=suppressed,
        )

    def mark(self, records: str) -> str:
        """
        Build the query that adds the column ``suppressed`` to records; it doesn't keep their order.

        :param records: ``SELECT`` of the records, with normalized values.
        """
        # The MD5s, 16 bytes each, and not the texts: they have to be in memory.
        tests = [
            f"md5_number({kind.text}) IN (SELECT key FROM suppression_keys WHERE kind = {self.numbers[kind]})"  # noqa: S608
            for kind in self.counts
            if isinstance(kind, Keys)
        ]
        return f"SELECT *, {' OR '.join(tests) or 'false'} AS suppressed FROM ({records})"  # noqa: S608


def load_keys(
    connection: DuckDBPyConnection,
    suppression: SuppressionList,
    make_plan: Callable[[DuckDBSource], KeyPlan],
    formats: Mapping[str, DataFormat],
) -> SuppressionKeys:
    """
    Load the keys of a suppression list.

    :param connection: Connection to DuckDB.
    :param suppression: The suppression list.
    :param make_plan: Plans how the keys are found in a source.
    :param formats: Column → how the values of the list to clean are written.
    :raises AudienceFileError: The suppression list can't be read, or its values can't be compared with the list's.
    :raises duckdb.Error: DuckDB lacks memory or disk space.
    """
    if DataFormat.SHA512 in formats.values():
        add_sha512(connection)
    for source, records in suppression.sources():
        keys = _load(connection, make_plan(source), name=suppression.name)
        if keys.records == records:
            break
    else:
        raise AudienceFileError(
            f"suppression_path: DuckDB could not read {suppression.name}, although it has enough disk space and "
            "memory. Report this as a bug."
        )
    _check_usable(keys, formats)
    if any(isinstance(kind, Keys) and kind.algorithm is DataFormat.SHA512 for kind in keys.counts):
        add_sha512(connection)
    return keys


def _load(connection: DuckDBPyConnection, plan: KeyPlan, *, name: str) -> SuppressionKeys:
    kinds = list(dict.fromkeys(case.kind for case in plan.cases))
    every = len(kinds)
    found = [f"{{kind: {every}, key: NULL}}"]
    for case in plan.cases:
        key = f"md5_number({case.text})" if isinstance(case.kind, Keys) else "NULL"
        found.append(f"CASE WHEN {case.condition} THEN {{kind: {kinds.index(case.kind)}, key: {key}}} END")
    query = f"SELECT unnest([{', '.join(found)}]) AS found FROM ({plan.records})"  # noqa: S608
    groups = f"SELECT found.kind AS kind, found.key AS key, count(*) AS count FROM ({query}) WHERE found IS NOT NULL"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE suppression_keys AS {groups} GROUP BY ALL")
    rows = connection.execute("SELECT kind, sum(count)::BIGINT FROM suppression_keys GROUP BY kind").fetchall()
    counts = dict(rows)
    records = counts.pop(every, 0)
    return SuppressionKeys(
        name=name,
        columns=plan.columns,
        records=records,
        counts={kinds[number]: count for number, count in sorted(counts.items())},
        numbers={kind: number for number, kind in enumerate(kinds)},
    )


def _check_usable(keys: SuppressionKeys, formats: Mapping[str, DataFormat]) -> None:
    """Check that no value has to be skipped because the two lists are hashed differently, and that any has a key."""
    for kind in keys.counts:
        if isinstance(kind, NoKeys) and kind.data_format:
            (column,) = kind.columns
            own = formats[column]
            allowed = "the same hashes" if own is DataFormat.OTHER else f"raw values or {_describe(own)}"
            raise AudienceFileError(
                f"suppression_path: {keys.name} has {_describe(kind.data_format)} in {column!r}, but the list has "
                f"{_describe(own)}, so they can't be compared. Provide {allowed} on the suppression list."
            )
    if keys.malformed and not any(isinstance(kind, Keys) for kind in keys.counts):
        described = ", ".join(describe_malformed(*item) for item in keys.malformed.items())
        raise AudienceFileError(
            f"suppression_path: {keys.name} suppresses nobody: it has nothing but {described}. Check its content."
        )


def _describe(data_format: DataFormat) -> str:
    descriptions = {DataFormat.RAW: "raw values", DataFormat.OTHER: "hashes of another algorithm"}
    return descriptions.get(data_format, f"{data_format.value} hashes")
