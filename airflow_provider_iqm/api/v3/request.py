"""Builds the ``audienceRequest`` of an upload: users' names become the account's ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_iqm.api.audience import NewAudience
from airflow_provider_iqm.api.session.login import Exchange
from airflow_provider_iqm.api.v3.lists import Combination, Entry, StaticLists, find, known
from airflow_provider_iqm.exceptions import ColumnMappingError
from airflow_provider_iqm.vocabulary import FIELD_LABELS, FIELD_SETTINGS, SETTING_LABELS, DataFormat, Field


def audience_request(audience: NewAudience, lists: StaticLists) -> Exchange[dict[str, Any]]:
    """
    Return the exchange that builds the ``audienceRequest`` of an upload.

    :param audience: The audience.
    :param lists: The account's static lists, for the audience's subtype.
    :raises ColumnMappingError: The account's lists lack an entry that the mapping needs.
    """
    columns = yield from lists.columns()
    by_field = {name: _column(name, columns) for name in audience.columns.values()}
    combinations = yield from lists.combinations()
    combination = _combination(audience, by_field, combinations, columns)
    request: dict[str, Any] = {
        "audienceName": audience.name,
        "fileRowCount": audience.records,
        "fileColumnCount": len(audience.file_columns),
        "columnMappings": [
            {"columnId": by_field[name].id, "fileColumnName": file_column}
            for file_column, name in audience.columns.items()
        ],
        "columnCombinationId": combination.id,
    }
    for name, mapped in zip(audience.columns.values(), request["columnMappings"], strict=True):
        takes = FIELD_SETTINGS.get(Field(name))
        if takes is DataFormat:
            # Unlike in the classic API, every such column needs its format, not only the one that IQM matches by.
            setting = audience.settings.get(name, DataFormat.RAW.value)
            mapped["dataFormatId"] = _format(by_field[name], setting, (yield from lists.formats())).id
        elif takes and name in audience.settings:
            partners = yield from lists.partners()
            request["dataPartnerId"] = _named(audience.settings[name], partners, what="data partner").id
    if lists.subtype_id is not None:
        request["audienceSubtypeId"] = lists.subtype_id
    if audience.options.consent_given is not None:
        request["consentGiven"] = audience.options.consent_given
    return request


def _column(name: str, columns: Sequence[Entry]) -> Entry:
    names = (name, *FIELD_LABELS[Field(name)])
    for candidate in names:
        for column in columns:
            if column.is_called(candidate):
                return column
    raise ColumnMappingError(
        f"The account has no column {names[1]} ({name}). It has: {known(columns)}. Map the file's column to one of "
        "these, or ask IQM to add the missing one."
    )


def _named(setting: str, entries: Sequence[Entry], *, what: str) -> Entry:
    labels = next((labels for known_, labels in SETTING_LABELS.items() if known_.value == setting), ())
    for label in labels:
        for entry in entries:
            if entry.is_called(setting) or entry.is_called(label):
                return entry
    return find(setting, entries, what=what)


def _format(column: Entry, setting: str, formats: Sequence[Entry]) -> Entry:
    format_ = _named(setting, formats, what="data format")
    if column.formats and format_.id not in column.formats:
        taken = known(entry for entry in formats if entry.id in column.formats)
        raise ColumnMappingError(
            f"The account's column {column.names[-1]} doesn't support the data format {setting}. Supported: {taken}."
        )
    return format_


def _combination(
    audience: NewAudience,
    by_field: Mapping[str, Entry],
    combinations: Sequence[Combination],
    columns: Sequence[Entry],
) -> Combination:
    """Return the combination of the mapping's kind, or else the first one whose columns are all mapped."""
    mapped = {column.id for column in by_field.values()}
    key = {by_field[name].id for name in audience.key_fields}
    fitting = [combination for combination in combinations if combination.columns <= mapped]
    for combination in fitting:
        if combination.columns == key:
            return combination
    if fitting:
        return fitting[0]
    labels = {column.id: column.names[-1] for column in columns}

    def named(ids: frozenset[int] | set[int]) -> str:
        return " + ".join(sorted(labels.get(item, f"column {item}") for item in ids))

    if not combinations:
        raise ColumnMappingError(
            "The account has no combination of columns to match by. Set audience_subtype or vertical_id if the "
            "account has several, or ask IQM."
        )
    nearest = min(combinations, key=lambda combination: len(combination.columns - mapped))
    raise ColumnMappingError(
        f"The account can't match by the mapped columns ({named(mapped)}). It can match by: "
        f"{'; '.join(named(combination.columns) for combination in combinations)}. "
        f"For the nearest combination, also map: {named(nearest.columns - mapped)}."
    )
