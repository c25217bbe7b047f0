"""Which argument of the user's a field of a request is made of, for what IQM complains of."""

from __future__ import annotations

ARGUMENTS = {
    "audienceName": "audience_name",
    "columnMappings": "columns",
    "columns": "columns",
    "columnCombinationId": "columns",
    "dataFormatId": "column_settings",
    "dataPartnerId": "column_settings",
    "audienceSubtypeId": "audience_subtype",
    "consentGiven": "consent_given",
    "audienceSubtypeIds": "audience_subtype",
    "verticalId": "vertical_id",
    "fileRowCount": "file_path",
    "fileColumnCount": "file_path",
    "file": "file_path",
}
