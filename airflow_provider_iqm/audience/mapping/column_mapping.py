"""Resolve and validate a column mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.field_names import (
    did_you_mean,
    find_field,
    find_setting,
    join_names,
    list_settings,
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
    A valid column mapping.

    :param kind: The kind of mapping that IQM matches by.
    :param columns: File column → system field, in the user's order.
    :param settings: System field → setting, in IQM's spelling.
    """

    kind: MappingKind
    columns: dict[str, str]
    settings: dict[str, str]

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The file columns of the kind's fields, in the kind's order."""
        by_field = {field: column for column, field in self.columns.items()}
        return tuple(by_field[field.value] for field in self.kind.fields)


def read_columns(columns: Mapping[str, str] | str) -> Mapping[str, str]:
    """
    Return the column mapping, parsed from JSON if it is a string.

    :param columns: File column → IQM field, or the same as a JSON object.
    :raises ColumnMappingError: The string is not a JSON object.
    """
    found: Mapping[str, str] = parse_mapping(
        columns, error=ColumnMappingError, argument="columns", example='{"email": "Email"}'
    )
    return found


def read_column_settings(column_settings: Mapping[str, str] | str | None) -> Mapping[str, str] | None:
    """
    Return the column settings, parsed from JSON if they are a string.

    :param column_settings: IQM field → setting, or the same as a JSON object.
    :raises ColumnMappingError: The string is not a JSON object.
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
    Resolve names to IQM's system names, and check the mapping against the file and against IQM's rules.

    IQM's quickstart ("Upload Matched Audience", ``columns`` and ``columnSettings``) documents the kinds of mapping and
    the settings that each requires.

    :param columns: File column → IQM field, as its system name or its label.
    :param column_settings: IQM field → setting (a data format or a data partner), as its system name or its label.
    :param file_columns: The file's header; ``None`` if there is no file yet.
    :param blank_columns: File columns that are blank in every record.
    :raises ColumnMappingError: The mapping doesn't fit the file, or IQM doesn't support it.
    """
    _check_strings(columns, argument="columns", example='{"email": "Email"}')
    if not columns:
        raise ColumnMappingError(
            'columns is empty. Map at least one file column to an IQM field, such as {"email": "Email"}.'
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
                "Check the query or export that wrote the file, or map another column."
            )
    return mapping


def _check_strings(mapping: object, *, argument: str, example: str) -> None:
    if not isinstance(mapping, Mapping):
        raise ColumnMappingError(f"{argument} must be a mapping such as {example}, not {type(mapping).__name__}.")
    for key, value in mapping.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ColumnMappingError(
                f"{argument} must map strings to strings, such as {example}, but {key!r} is mapped to {value!r}."
            )
        if not is_unicode(key):
            raise ColumnMappingError(
                f"{argument} has the name {key!r}, which isn't valid Unicode (unpaired surrogate). Correct it at its "
                "source."
            )


def check_columns(columns: Mapping[str, str], file_columns: Sequence[str], *, certain: bool = False) -> None:
    """
    Check that a file has every mapped column.

    :param columns: File column → IQM field.
    :param file_columns: The names in the file's first line.
    :param certain: Whether these are known to be column names, such as a database's.
    :raises ColumnMappingError: A mapped column isn't in the file.
    """
    for column in columns:
        if column not in file_columns:
            header = Header(tuple(file_columns), mapped=columns.keys(), certain=certain)
            raise ColumnMappingError(
                f"columns maps {column!r}, but the file has no such column.{header.suggest(column)}"
            )


def _resolve_fields(columns: Mapping[str, str]) -> dict[Field, str]:
    """Return field → file column, in the order of ``columns``."""
    fields: dict[Field, str] = {}
    for column, name in columns.items():
        field = find_field(name)
        if field is None:
            labels = [labels[0] for labels in FIELD_LABELS.values()]
            known = [*(field.value for field in Field), *(label for all_ in FIELD_LABELS.values() for label in all_)]
            raise ColumnMappingError(
                f"columns maps {column!r} to {name!r}, which is not an IQM field."
                f"{did_you_mean(name, known)} Valid fields: {join_names(labels)}."
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
    Return the kind of mapping: the first single-column kind in the mapping, else the first kind that is complete.

    :param fields: Field → file column.
    :raises ColumnMappingError: IQM can't match by these fields.
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
        advice = f" To match by {nearest.label}, also map {join_names(missing)}."
    raise ColumnMappingError(
        f"IQM can't match by the mapped fields.{advice} IQM matches by any of: {'; '.join(kinds)}."
    )


def _resolve_settings(
    column_settings: Mapping[str, str] | None, *, kind: MappingKind, fields: Mapping[Field, str]
) -> dict[str, str]:
    settings: dict[str, str] = {}
    if column_settings is not None:
        _check_strings(column_settings, argument="column_settings", example='{"Email": "SHA256"}')
    for name, value in (column_settings or {}).items():
        field = find_field(name)
        if field is None or field not in FIELD_SETTINGS:
            labels = [FIELD_LABELS[known][0] for known in FIELD_SETTINGS]
            raise ColumnMappingError(
                f"column_settings has {name!r}, which is not a field with a setting."
                f"{did_you_mean(name, labels)} Fields with settings: {join_names(labels)}."
            )
        if field not in fields:
            raise ColumnMappingError(
                f"column_settings has {name!r}, but no column is mapped to it. Map a column, or remove the setting."
            )
        if field.value in settings:
            raise ColumnMappingError(f"column_settings sets {field.value} twice, also as {name!r}. Set it once.")
        setting = find_setting(field, value)
        if setting is None:
            raise ColumnMappingError(
                f"column_settings sets {name!r} to {value!r}, which is not a setting of that field."
                f"{did_you_mean(value, list_settings(field))} Valid settings: {join_names(list_settings(field))}."
            )
        settings[field.value] = setting
    key = kind.fields[0]
    if kind.single_column and key in FIELD_SETTINGS and key.value not in settings:
        values = list_settings(key)
        raise ColumnMappingError(
            f"Matching by {kind.label} requires a column setting for the column {fields[key]!r}. "
            f'Set column_settings={{"{key.value}": "…"}} to one of: {join_names(values)}.'
        )
    return settings
