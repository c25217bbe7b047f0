"""An audience to upload: a name, a checked file, and a mapping that fits both the file and IQM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_iqm.audience.file import AudienceFile, inspect_file
from airflow_provider_iqm.audience.mapping import ColumnMapping, resolve_mapping
from airflow_provider_iqm.exceptions import AudienceNameError


@dataclass(frozen=True, kw_only=True)
class AudienceUpload:
    """
    What is ready to go to IQM.

    :param name: The audience's name.
    :param file: The file, inspected.
    :param mapping: The mapping, resolved against the file.
    """

    name: str
    file: AudienceFile
    mapping: ColumnMapping

    def token(self, *origin: object) -> str:
        """
        Return a token that the same upload has at every try, and no other upload has.

        :param origin: Where the upload comes from: the Dag, the task, the run, the map index.
        """
        with self.file.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        parts = [*map(str, origin), self.name, self.mapping.columns, self.mapping.settings, content]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def prepare_upload(
    *,
    file_path: str | Path,
    audience_name: str,
    columns: Mapping[str, str],
    column_settings: Mapping[str, str] | None = None,
) -> AudienceUpload:
    """
    Check all that can be checked without asking IQM.

    :param file_path: A CSV or XLSX file.
    :param audience_name: The audience's name; must not be blank.
    :param columns: The mapping, file column → IQM field.
    :param column_settings: IQM field → data format or data partner.
    :raises AudienceNameError: where the name is blank.
    :raises AudienceFileError: where the file can't be uploaded.
    :raises ColumnMappingError: where the mapping fits neither the file nor IQM.
    """
    if not isinstance(audience_name, str) or not audience_name.strip():
        raise AudienceNameError("audience_name is empty: IQM needs a name for the audience.")
    # What is wrong with the mapping alone shows before minutes are spent on reading the file.
    resolve_mapping(columns, column_settings, file_columns=None)
    file = inspect_file(file_path)
    mapping = resolve_mapping(columns, column_settings, file_columns=file.columns, blank_columns=file.blank_columns)
    return AudienceUpload(name=audience_name.strip(), file=file, mapping=mapping)
