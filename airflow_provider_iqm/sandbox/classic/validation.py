"""Validation of a classic upload (quickstart, step 3; contract, "The upload form" and "The mappings")."""

import json
import re
from collections.abc import Iterable
from typing import Any

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError
from airflow_provider_iqm.sandbox.classic.catalogue import (
    DATA_FORMATS,
    DATA_PARTNERS,
    LATER_COLUMNS,
    MANDATORY_COLUMNS,
    NPI_ID_COLUMN,
    OPTIONAL_COLUMNS,
    VOTER_ID_COLUMN,
)
from airflow_provider_iqm.sandbox.state.audiences import UploadedFile

FIELDS = {str(column["l2Name"]) for column in MANDATORY_COLUMNS + OPTIONAL_COLUMNS} | {
    str(column["key"]) for column in LATER_COLUMNS
}
# Kinds of mapping with several fields: name, last name and street, street.
_PLACE = frozenset({"Residence_Addresses_State", "Residence_Addresses_Zip"})
_STREET = _PLACE | {"Residence_Addresses_AddressLine"}
_MANY_FIELD_KINDS = (_PLACE | {"Voters_FirstName", "Voters_LastName"}, _STREET | {"Voters_LastName"}, _STREET)
# Kinds of mapping with one field.
SINGLE_FIELDS = frozenset({"Voters_ID", "NPI_ID", "Phone", "Email", "Residence_FullAddress"})

_FORMATS = frozenset(str(each["keyName"]) for each in DATA_FORMATS)


def _partners(column: int) -> frozenset[str]:
    return frozenset(str(each["keyName"]) for each in DATA_PARTNERS if each["audienceColumnId"] == column)


# Field → valid settings. The quickstart's sample has a data partner that the list lacks.
SETTINGS = {
    "Voters_ID": _partners(VOTER_ID_COLUMN),
    "NPI_ID": _partners(NPI_ID_COLUMN) | {"healthcare_id"},
    "Phone": _FORMATS,
    "Email": _FORMATS,
}


def check_name(fields: dict[str, str]) -> str:
    """
    Return the audience's name.

    :param fields: the form's text fields.
    """
    name = fields.get("audienceName", "")
    if not name.strip():
        raise RefusedError(400, "Audience name can not be null.")
    return name


def check_columns(fields: dict[str, str], file: UploadedFile) -> dict[str, str]:
    """
    Return the mapping of file columns to system fields.

    :param fields: the form's text fields.
    :param file: the uploaded file.
    """
    columns = _json_object(fields, "columns")
    if not columns:
        raise RefusedError(400, "columns is empty.")
    mapped: set[str] = set()
    for column, system_field in columns.items():
        if column not in file.header:
            raise RefusedError(400, f"columns has the column {column!r}, which the file's header does not have.")
        if system_field == "LalVoterID":
            raise RefusedError(400, "columns has the field 'LalVoterID'; in an upload, it is 'Voters_ID'.")
        if not isinstance(system_field, str) or system_field not in FIELDS:
            raise RefusedError(400, f"columns has the field {system_field!r}, which IQM does not have.")
        if system_field in mapped:
            raise RefusedError(400, f"columns has the field {system_field!r} twice.")
        mapped.add(system_field)
    if not mapped & SINGLE_FIELDS and not _is_many_field_kind(mapped):
        raise RefusedError(400, "columns has none of the combinations that are allowed for matching.")
    return columns


def check_single_column(fields: dict[str, str], mapped: Iterable[str]) -> bool:
    """
    Return the flag ``isSingleColumnEnabled``: whether IQM matches by a single field.

    If a mapping has both a single key field and a combination of fields, the flag selects one of them.

    :param fields: the form's text fields.
    :param mapped: the system fields that are mapped.
    """
    if fields.get("isSingleColumnEnabled") not in {"true", "false"}:
        raise RefusedError(400, "isSingleColumnEnabled is required, as true or false.")
    flag = fields["isSingleColumnEnabled"] == "true"
    if flag and not SINGLE_FIELDS & set(mapped):
        raise RefusedError(400, "isSingleColumnEnabled is true, but columns maps no single key field.")
    if not flag and not _is_many_field_kind(set(mapped)):
        raise RefusedError(400, "isSingleColumnEnabled is false, but columns maps a single key field.")
    return flag


def check_settings(fields: dict[str, str], mapped: Iterable[str], *, single: bool) -> dict[str, str] | None:
    """
    Return the column settings; None if there are none.

    :param fields: the form's text fields.
    :param mapped: the system fields that are mapped.
    :param single: the flag ``isSingleColumnEnabled``.
    """
    required_for = SETTINGS.keys() & set(mapped) if single else set()
    if "columnSettings" not in fields:
        if single and "Residence_FullAddress" not in mapped:
            raise RefusedError(400, f"columnSettings is required for {' or '.join(sorted(required_for))}.")
        return None
    if not required_for:
        raise RefusedError(400, "columnSettings must be left out: the mapping's key has no setting.")
    settings = _json_object(fields, "columnSettings")
    if not settings:
        raise RefusedError(400, f"columnSettings is empty; it is required for {' or '.join(sorted(required_for))}.")
    for system_field, setting in settings.items():
        if system_field not in required_for:
            raise RefusedError(
                400, f"columnSettings has {system_field!r}, which is not a mapped key field with a setting."
            )
        if not isinstance(setting, str) or setting not in SETTINGS[system_field]:
            raise RefusedError(
                400,
                f"columnSettings sets {system_field!r} to {setting!r}; "
                f"valid settings are {', '.join(sorted(SETTINGS[system_field]))}.",
            )
    return settings


def check_count(fields: dict[str, str], file: UploadedFile, maximum: int) -> None:
    """
    Check ``fileTotalCount`` against the file's records.

    :param fields: the form's text fields.
    :param file: the uploaded file.
    :param maximum: maximum number of records.
    """
    if not re.fullmatch(r"[0-9]{1,10}", fields.get("fileTotalCount", "")):
        raise RefusedError(400, "fileTotalCount is required, as a whole number.")
    check_records(file, maximum)
    given = int(fields["fileTotalCount"])
    if given != file.records:
        raise RefusedError(400, f"fileTotalCount is {given}, but the file has {file.records} records.")


def check_records(file: UploadedFile, maximum: int) -> None:
    """
    Check that the file has records, and not too many.

    :param file: the uploaded file.
    :param maximum: maximum number of records.
    """
    if file.records == 0:
        raise RefusedError(400, Problem("The file has no records.", "file"))
    if file.records > maximum:
        raise RefusedError(400, Problem(f"The file has {file.records} records; at most {maximum} are allowed.", "file"))


def check_header(file: UploadedFile) -> None:
    """
    Check that all columns in the header have unique names.

    :param file: the uploaded file.
    """
    for position, name in enumerate(file.header, start=1):
        if not name.strip():
            raise RefusedError(400, Problem(f"The file's header has no name for column {position}.", "file"))
        if name in file.header[: position - 1]:
            raise RefusedError(400, Problem(f"The file's header has the name of column {position} twice.", "file"))


def check_metadata(fields: dict[str, str], file: UploadedFile) -> dict[str, Any]:
    """
    Check that the metadata is complete and correct, and return it.

    :param fields: the form's text fields.
    :param file: the uploaded file.
    """
    metadata = _json_object(fields, "metadata")
    if metadata.get("columns") != list(file.header):
        raise RefusedError(400, "metadata.columns is not the file's header.")
    if metadata.get("fileName") != file.name:
        raise RefusedError(400, "metadata.fileName is not the name of the uploaded file.")
    _check_number(metadata, "fileSize", file.size, "bytes were received")
    _check_number(metadata, "rows", file.records, "records are in the file")
    values = metadata.get("columnValues")
    if not isinstance(values, dict) or values.keys() != set(file.header):
        raise RefusedError(400, "metadata.columnValues must have each column of the file, and no other.")
    for position, column in enumerate(file.header, start=1):
        first = values[column]
        if not isinstance(first, list) or not all(isinstance(value, str) for value in first):
            raise RefusedError(400, f"metadata.columnValues must have a list of texts for column {position}.")
        if not 0 < len(first) <= file.records:
            raise RefusedError(400, f"metadata.columnValues must have the first values of column {position}.")
    return metadata


def _check_number(metadata: dict[str, Any], name: str, true: int, what: str) -> None:
    given = metadata.get(name)
    if not isinstance(given, int) or isinstance(given, bool):
        raise RefusedError(400, f"metadata.{name} is required, as a whole number.")
    if given != true:
        raise RefusedError(400, f"metadata.{name} is {given}, but {true} {what}.")


def _is_many_field_kind(mapped: set[str]) -> bool:
    return any(kind <= mapped for kind in _MANY_FIELD_KINDS)


def _json_object(fields: dict[str, str], name: str) -> dict[str, Any]:
    if name not in fields:
        raise RefusedError(400, f"{name} is required.")
    try:
        value = json.loads(fields[name], object_pairs_hook=_reject_duplicate_keys)
    except (ValueError, RecursionError) as broken:
        raise RefusedError(400, f"{name} is not well-formed JSON.") from broken
    if not isinstance(value, dict):
        raise RefusedError(400, f"{name} must be a JSON object.")
    return value


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("Duplicate key.")
    return keys
