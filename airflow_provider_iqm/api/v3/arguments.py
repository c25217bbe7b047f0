"""Field of a v3 request → the user's argument, for error messages."""

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
