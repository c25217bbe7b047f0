"""v3: validation of ``audienceRequest``, the JSON part of an upload."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from airflow_provider_iqm.sandbox.answers import Problem, RefusedError
from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.audiences import UploadedFile
from airflow_provider_iqm.sandbox.v3.bodies import AudienceName, Int32, JsonModel, parse
from airflow_provider_iqm.sandbox.v3.catalogue import HASHABLE, PARTNERED, PATIENT, Scope, catalogue, scope


class ColumnMapping(JsonModel):
    """
    One column of the file.

    :param column_id: id of the column in IQM's list that it is mapped to.
    :param file_column_name: its name in the file's header.
    :param data_format_id: id of its data format.
    """

    model_config = ConfigDict(extra="forbid")

    column_id: Int32
    file_column_name: str
    data_format_id: Int32 | None = None


def _check_combination(number: int) -> int:
    if number <= 0:
        raise ValueError("Column combination ID must be positive")
    return number


class AudienceRequest(JsonModel):
    """
    The request, with the validation that doesn't require the file (400 if it is invalid).

    :param audience_name: the audience's name.
    :param file_row_count: number of records in the file.
    :param file_column_count: number of columns in the file.
    :param column_mappings: the mapped columns of the file.
    :param column_combination_id: id of the combination of columns to match by.
    :param data_partner_id: id of the source of voter or NPI ids.
    :param audience_subtype_id: id of the audience subtype, in the healthcare vertical.
    :param consent_given: whether the patients have given their consent.
    :param vertical_id: not a documented field, but mentioned in a documented error.
    """

    model_config = ConfigDict(extra="forbid")

    audience_name: AudienceName
    file_row_count: Annotated[Int32, Field(gt=0)]
    file_column_count: Annotated[Int32, Field(gt=0)]
    column_mappings: Annotated[list[ColumnMapping], Field(min_length=1)]
    column_combination_id: Annotated[Int32, AfterValidator(_check_combination)]
    data_partner_id: Int32 | None = None
    audience_subtype_id: Int32 | None = None
    consent_given: StrictBool | None = None
    vertical_id: Int32 | None = None


def read_request(text: str | None, media_type: str | None) -> AudienceRequest:
    """
    Return the request.

    :param text: the form's part ``audienceRequest``; None if it is missing.
    :param media_type: the part's media type.
    """
    if text is None:
        raise RefusedError(400, Problem("audienceRequest is required.", "audienceRequest"))
    if media_type != "application/json":
        raise RefusedError(
            400, Problem("audienceRequest must have the media type application/json.", "audienceRequest")
        )
    return parse(AudienceRequest, text, refuse_with=400)


def check_request(request: AudienceRequest, file: UploadedFile, settings: SandboxSettings) -> dict[str, Any]:
    """
    Validate the request against the file and the account's lists, and return the facts of the new audience.

    :param request: the request.
    :param file: the uploaded file.
    :param settings: the sandbox's settings.
    :raises RefusedError: 422, with all problems.
    """
    subtypes = [] if request.audience_subtype_id is None else [request.audience_subtype_id]
    check = _Check(request, file, settings, scope(settings, request.vertical_id, subtypes))
    problems = [*check.counts(), *check.mappings(), *check.combination(), *check.partner(), *check.consent()]
    if problems:
        raise RefusedError(422, *problems)
    return check.facts()


class _Check:
    def __init__(self, request: AudienceRequest, file: UploadedFile, settings: SandboxSettings, asked: Scope) -> None:
        lists = catalogue(settings)
        self._request = request
        self._file = file
        self._scope = asked
        self._columns = {column.id: column.name for column in lists.columns(asked)}
        self._formats = {each.id: each.name for each in lists.formats}
        self._partners = {each.id: each for each in lists.partners(asked) if each.active}
        self._combinations = {each.id: each.columns for each in lists.combinations(asked)}

    def counts(self) -> Iterator[Problem]:
        """Check the numbers of rows and columns."""
        request, file = self._request, self._file
        if request.file_row_count != file.records:
            message = f"fileRowCount is {request.file_row_count}, but the file has {file.records} records."
            yield Problem(message, "fileRowCount")
        if request.file_column_count != len(file.header):
            message = f"fileColumnCount is {request.file_column_count}, but the file has {len(file.header)} columns."
            yield Problem(message, "fileColumnCount")

    def mappings(self) -> Iterator[Problem]:
        """Check each mapping against the lists, the file's header and earlier mappings."""
        ids: set[int] = set()
        names: set[str] = set()
        for position, mapping in enumerate(self._request.column_mappings):
            place = f"columnMappings[{position}]"
            if mapping.column_id not in self._columns:
                yield Problem("There is no column with this ID.", f"{place}.columnId")
            elif mapping.column_id in ids:
                yield Problem("This column is mapped twice.", f"{place}.columnId")
            if mapping.file_column_name not in self._file.header:
                yield Problem("The file's header has no such column.", f"{place}.fileColumnName")
            elif mapping.file_column_name in names:
                yield Problem("This column of the file is mapped twice.", f"{place}.fileColumnName")
            ids.add(mapping.column_id)
            names.add(mapping.file_column_name)
            yield from self._data_format(mapping, f"{place}.dataFormatId")

    def _data_format(self, mapping: ColumnMapping, place: str) -> Iterator[Problem]:
        name = self._columns.get(mapping.column_id)
        if name in HASHABLE:
            if mapping.data_format_id is None:
                yield Problem(f"A data format is required for the column '{name}'.", place)
            elif mapping.data_format_id not in self._formats:
                yield Problem("There is no data format with this ID.", place)
        elif name is not None and mapping.data_format_id is not None:
            yield Problem(f"The column '{name}' has no data format.", place)

    def combination(self) -> Iterator[Problem]:
        """Check the combination, and that its columns are mapped."""
        needed = self._combinations.get(self._request.column_combination_id)
        if needed is None:
            yield Problem("There is no column combination with this ID.", "columnCombinationId")
            return
        mapped = {self._columns.get(each.column_id) for each in self._request.column_mappings}
        for name in needed:
            if name not in mapped:
                yield Problem(f"Required column '{name}' is missing from column mappings", "columns")

    def partner(self) -> Iterator[Problem]:
        """Check the data partner of the ids to match by."""
        keys = PARTNERED.intersection(self._combinations.get(self._request.column_combination_id, ()))
        partner_id = self._request.data_partner_id
        if partner_id is None:
            if keys:
                yield Problem(f"A data partner is required for the column '{min(keys)}'.", "dataPartnerId")
            return
        partner = self._partners.get(partner_id)
        if partner is None:
            yield Problem("There is no active data partner with this ID.", "dataPartnerId")
        elif keys and partner.column not in keys:
            yield Problem(f"The data partner has no ids of the column '{min(keys)}'.", "dataPartnerId")

    def consent(self) -> Iterator[Problem]:
        """Check the consent, which is required for patients."""
        if PATIENT in self._scope.subtypes and not self._request.consent_given:
            yield Problem("Consent is required for the audience subtype 'patient'.", "consentGiven")

    def facts(self) -> dict[str, Any]:
        """Return the facts of the audience, with the form fields of an equivalent classic upload."""
        request, file = self._request, self._file
        columns = {each.file_column_name: self._columns[each.column_id] for each in request.column_mappings}
        settings = {
            self._columns[each.column_id]: self._formats[each.data_format_id]
            for each in request.column_mappings
            if each.data_format_id is not None
        }
        if request.data_partner_id is not None:
            partner = self._partners[request.data_partner_id]
            settings[partner.column] = partner.name
        metadata = {"columns": file.header, "fileName": file.name, "fileSize": file.size, "rows": file.records}
        return {
            "name": request.audience_name,
            "columns": columns,
            "column_settings": settings or None,
            "single_column": len(self._combinations[request.column_combination_id]) == 1,
            "metadata": metadata,
            "subtype": next(iter(self._scope.subtypes), None),
            "consent_given": request.consent_given,
            "sent": {
                "columns": json.dumps(columns),
                "metadata": json.dumps(metadata),
                **({"columnSettings": json.dumps(settings)} if settings else {}),
            },
        }
