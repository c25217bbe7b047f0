"""The mapping of a file's columns to IQM's fields, resolved and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.field_names import (
    did_you_mean,
    find_field,
    find_setting,
    listed,
    settings_of,
)
from airflow_provider_iqm.audience.mapping.header import Header
from airflow_provider_iqm.audience.mapping.json_text import parse_mapping
from airflow_provider_iqm.exceptions import ColumnMappingError
from airflow_provider_iqm.vocabulary import FIELD_LABELS, FIELD_SETTINGS, MAPPING_KINDS, Field, MappingKind
from airflow_provider_iqm.wording import is_unicode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class ColumnMapping:
    """
    A mapping that IQM allows.

    :param kind: The kind of mapping, by which IQM matches.
    :param columns: File column → system field, in the order in which they were given.
    :param settings: System field → setting, as IQM spells it.
    """

    kind: MappingKind
    columns: dict[str, str]
    settings: dict[str, str]

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The file's columns that hold the kind's fields, in the order of the kind."""
        by_field = {field: column for column, field in self.columns.items()}
        return tuple(by_field[field.value] for field in self.kind.fields)


def read_columns(columns: Mapping[str, str] | str) -> Mapping[str, str]:
    """
    Return the mapping, read from text if it is text.

    :param columns: File column → IQM field, or a JSON object as text.
    :raises ColumnMappingError: The text is no JSON object.
    """
    found: Mapping[str, str] = parse_mapping(
        columns, error=ColumnMappingError, argument="columns", example='{"email": "Email"}'
    )
    return found


def read_column_settings(column_settings: Mapping[str, str] | str | None) -> Mapping[str, str] | None:
    """
    Return the column settings, read from text if they are text.

    :param column_settings: IQM field → setting, or a JSON object as text.
    :raises ColumnMappingError: The text is no JSON object.
    """
    found: Mapping[str, str] | None = parse_mapping(
        column_settings, error=ColumnMappingError, argument="column_settings", example='{"Email": "SHA256"}'
    )
    return found


def resolve_mapping(
    columns: Mapping[str, str],
    column_settings: Mapping[str, str] | None,
    *,
    file_columns: Sequence[str] | None,
    blank_columns: Collection[str] = frozenset(),
) -> ColumnMapping:
    """
    Turn what a user wrote into what IQM takes.

    The kinds of mapping, and the settings that they need, are in IQM's quickstart ("Upload Matched Audience",
    ``columns`` and ``columnSettings``).

    :param columns: File column → IQM field, by its system name or by the label that people see.
    :param column_settings: IQM field → setting (a data format, or whose ids they are), in either's spelling.
    :param file_columns: The file's header; ``None`` while there is no file yet.
    :param blank_columns: The file's columns without any value.
    :raises ColumnMappingError: The mapping fits neither the file nor IQM.
    """
    _check_texts(columns, argument="columns", example='{"email": "Email"}')
    if not columns:
        raise ColumnMappingError(
            'columns is empty. Say which column of the file is which field of IQM, such as {"email": "Email"}.'
        )
    if file_columns is not None:
        check_columns(columns, file_columns)
    fields = _resolve_fields(columns)
    kind = find_kind(fields)
    settings = _resolve_settings(column_settings, kind=kind, fields=fields)
    mapping = ColumnMapping(kind, {column: field.value for field, column in fields.items()}, settings)
    for column in mapping.key_columns:
        if column in blank_columns:
            raise ColumnMappingError(
                f"The column {column!r} is blank in every record, but matching by {kind.label} needs it. "
                "Check the query or export that made the file, or map another column."
            )
    return mapping


def _check_texts(mapping: object, *, argument: str, example: str) -> None:
    if not isinstance(mapping, Mapping):
        raise ColumnMappingError(
            f"{argument} must be a mapping such as {example}, but it is of type {type(mapping).__name__}."
        )
    for key, value in mapping.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ColumnMappingError(
                f"{argument} must map text to text, such as {example}, but {key!r} is mapped to {value!r}."
            )
        if not is_unicode(key):
            raise ColumnMappingError(
                f"{argument} has the name {key!r}, which isn't valid Unicode: it has half of a surrogate pair. Correct "
                "it where it comes from."
            )


def check_columns(columns: Mapping[str, str], file_columns: Sequence[str], *, certain: bool = False) -> None:
    """
    Check that a file has every column that is mapped.

    :param columns: File column → IQM field.
    :param file_columns: The names in the file's first line.
    :param certain: Whether they are column names for certain, as a database's are.
    :raises ColumnMappingError: It lacks one.
    """
    for column in columns:
        if column not in file_columns:
            header = Header(tuple(file_columns), mapped=columns.keys(), certain=certain)
            raise ColumnMappingError(
                f"columns maps {column!r}, but the file has no such column.{header.suggest(column)}"
            )


def _resolve_fields(columns: Mapping[str, str]) -> dict[Field, str]:
    """Find each column's field: field → file column, in the order of ``columns``."""
    fields: dict[Field, str] = {}
    for column, name in columns.items():
        field = find_field(name)
        if field is None:
            labels = [labels[0] for labels in FIELD_LABELS.values()]
            known = [*(field.value for field in Field), *(label for all_ in FIELD_LABELS.values() for label in all_)]
            raise ColumnMappingError(
                f"columns maps {column!r} to {name!r}, which is not a field of IQM."
                f"{did_you_mean(name, known)} The fields are: {listed(labels)}."
            )
        if field in fields:
            raise ColumnMappingError(
                f"columns maps both {fields[field]!r} and {column!r} to {FIELD_LABELS[field][0]} ({field.value}). "
                "Map only one of them."
            )
        fields[field] = column
    return fields


def find_kind(fields: Mapping[Field, str]) -> MappingKind:
    """
    Find the kind: a mapped single-column kind first, in the order of the mapping, else the first complete one.

    :param fields: Field → file column.
    :raises ColumnMappingError: IQM can't match by these.
    """
    single = {kind.fields[0]: kind for kind in MAPPING_KINDS if kind.single_column}
    for field in fields:
        if field in single:
            return single[field]
    for kind in MAPPING_KINDS:
        if all(field in fields for field in kind.fields):
            return kind
    several = [kind for kind in MAPPING_KINDS if not kind.single_column]
    nearest = min(several, key=lambda kind: sum(field not in fields for field in kind.fields))
    missing = [FIELD_LABELS[field][0] for field in nearest.fields if field not in fields]
    kinds = [f"{kind.label} ({', '.join(FIELD_LABELS[field][0] for field in kind.fields)})" for kind in MAPPING_KINDS]
    advice = ""
    if len(missing) < len(nearest.fields):
        advice = f" To match by {nearest.label}, map {listed(missing)} too."
    raise ColumnMappingError(f"IQM can't match by the mapped fields.{advice} It matches by one of: {'; '.join(kinds)}.")


def _resolve_settings(
    column_settings: Mapping[str, str] | None, *, kind: MappingKind, fields: Mapping[Field, str]
) -> dict[str, str]:
    settings: dict[str, str] = {}
    if column_settings is not None:
        _check_texts(column_settings, argument="column_settings", example='{"Email": "SHA256"}')
    for name, value in (column_settings or {}).items():
        field = find_field(name)
        if field is None or field not in FIELD_SETTINGS:
            takers = [FIELD_LABELS[taker][0] for taker in FIELD_SETTINGS]
            raise ColumnMappingError(
                f"column_settings has {name!r}, which is not a field that takes a setting."
                f"{did_you_mean(name, takers)} Those that do: {listed(takers)}."
            )
        if field not in fields:
            raise ColumnMappingError(
                f"column_settings has {name!r}, but columns maps nothing to it. "
                "Map a column to it, or remove the setting."
            )
        if field.value in settings:
            raise ColumnMappingError(f"column_settings has {field.value} twice, as {name!r} too. Give it once.")
        setting = find_setting(field, value)
        if setting is None:
            raise ColumnMappingError(
                f"column_settings sets {name!r} to {value!r}, which IQM doesn't know."
                f"{did_you_mean(value, settings_of(field))} The possible values are: {listed(settings_of(field))}."
            )
        settings[field.value] = setting
    key = kind.fields[0]
    if kind.single_column and key in FIELD_SETTINGS and key.value not in settings:
        values = settings_of(key)
        raise ColumnMappingError(
            f"Matching by {kind.label} needs a setting that says what the column {fields[key]!r} holds. "
            f'Give column_settings={{"{key.value}": "..."}} with one of: {listed(values)}.'
        )
    return settings
