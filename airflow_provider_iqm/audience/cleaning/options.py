"""Options for cleaning a list before it is uploaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, get_args

from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.mapping.field_names import find_field, find_setting, join_names
from airflow_provider_iqm.audience.mapping.json_text import parse_mapping
from airflow_provider_iqm.exceptions import CleaningOptionError, ColumnMappingError
from airflow_provider_iqm.vocabulary import FIELD_SETTINGS, DataFormat

_MEMORY = re.compile(r"\d{1,12}(?:\.\d{1,9})? ?(?:[kmgt](?:i?b)?|%)", re.IGNORECASE)
"""An amount of memory in DuckDB's syntax."""

PhoneFormat = Literal["10-digit", "E.164"]
OnInvalidRecords = Literal["drop", "fail"]

HASH_LENGTHS = {DataFormat.MD5: 32, DataFormat.SHA1: 40, DataFormat.SHA256: 64, DataFormat.SHA512: 128}
"""Number of hexadecimal digits of each hash."""


class CleaningOptions(TypedDict, total=False):
    """Keyword arguments of :class:`Cleaning`, for signatures that pass them on."""

    normalize: bool
    phone_format: PhoneFormat
    hash_columns: Mapping[str, str] | str | None
    on_invalid_records: OnInvalidRecords | None
    quarantine_path: str | Path | None
    max_invalid_ratio: float
    drop_duplicates: bool
    suppression_path: str | Path | None
    scratch_dir: str | Path | None
    memory_limit: str


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """
    How to clean a list. Without any of these options, a file is uploaded unchanged.

    :param normalize: Normalize the values of mapped columns to the published format of their fields.
    :param phone_format: Format of normalized phones: ``10-digit`` or ``E.164``.
    :param hash_columns: File column → ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512``, as a dict or a JSON object:
        normalize and hash these columns, and set their column settings.
    :param on_invalid_records: ``drop`` drops records that can't match, ``fail`` fails on the first one. By default,
        they are dropped if the list is cleaned at all.
    :param quarantine_path: File to write the number, column and reason of each dropped record to.
    :param max_invalid_ratio: Fail if more than this share of the records is invalid, from 0 to 1.
    :param drop_duplicates: Of records whose mapped values are equal after normalization, keep only the first.
    :param suppression_path: File of people whose records are dropped: a CSV or XLSX file with one or more of the mapped
        columns, raw or hashed. Implies ``normalize``.
    :param scratch_dir: Directory for temporary copies; by default, the system's temporary directory.
    :param memory_limit: Memory limit of DuckDB, such as ``256MiB``.
    :raises CleaningOptionError: An option is invalid.
    """

    normalize: bool = False
    phone_format: PhoneFormat = "10-digit"
    hash_columns: Mapping[str, str] | str | None = field(default=None)
    on_invalid_records: OnInvalidRecords | None = None
    quarantine_path: str | Path | None = None
    max_invalid_ratio: float = 0.1
    drop_duplicates: bool = False
    suppression_path: str | Path | None = None
    scratch_dir: str | Path | None = None
    memory_limit: str = DEFAULT_MEMORY_LIMIT

    def __post_init__(self) -> None:
        """Validate the options as far as possible without the file."""
        _check_choice("phone_format", self.phone_format, get_args(PhoneFormat))
        if self.on_invalid_records is not None:
            _check_choice("on_invalid_records", self.on_invalid_records, get_args(OnInvalidRecords))
        ratio: object = self.max_invalid_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
            raise CleaningOptionError(f"max_invalid_ratio must be a number from 0 to 1, not {ratio!r}.")
        limit: object = self.memory_limit
        if not isinstance(limit, str) or not _MEMORY.fullmatch(limit):
            raise CleaningOptionError(f"memory_limit must be an amount of memory such as '512MiB', not {limit!r}.")
        hashes = parse_mapping(
            self.hash_columns, error=ColumnMappingError, argument="hash_columns", example='{"email": "SHA256"}'
        )
        object.__setattr__(self, "hash_columns", hashes)
        path: object = self.suppression_path
        if path is not None:
            if not isinstance(path, str | Path):
                raise CleaningOptionError(f"suppression_path must be the path of a file, not {type(path).__name__}.")
            object.__setattr__(self, "normalize", True)

    @property
    def asked(self) -> bool:
        """Whether any option requires a cleaned copy."""
        options = (self.normalize, self.hash_columns, self.on_invalid_records, self.drop_duplicates)
        return any(options) or self.quarantine_path is not None

    def hashes(self) -> dict[str, DataFormat]:
        """
        Return the columns to hash: file column → algorithm.

        :raises ColumnMappingError: ``hash_columns`` doesn't map columns to hash algorithms.
        """
        found: dict[str, DataFormat] = {}
        columns: object = self.hash_columns or {}
        if not isinstance(columns, Mapping):
            raise ColumnMappingError('hash_columns must be a mapping such as {"email": "SHA256"}.')
        known = {algorithm.value: algorithm for algorithm in HASH_LENGTHS}
        for column, name in columns.items():
            algorithm = known.get(str(name).strip().upper().replace("-", ""))
            if algorithm is None:
                raise ColumnMappingError(
                    f"hash_columns sets {column!r} to {name!r}, which is not a hash algorithm. Valid values: "
                    f"{join_names(list(known))}."
                )
            found[column] = algorithm
        return found

    def settings(
        self, columns: Mapping[str, str], column_settings: Mapping[str, str] | None
    ) -> Mapping[str, str] | None:
        """
        Return the column settings with those of the columns to hash: IQM field → setting.

        The setting ``Raw`` describes the file before hashing and is replaced. Any other algorithm is an error.

        :param columns: File column → IQM field, as the user wrote it.
        :param column_settings: IQM field → setting, as the user wrote it.
        :raises ColumnMappingError: A column can't be hashed, or its column setting contradicts ``hash_columns``.
        """
        hashes = self.hashes()
        if not hashes or not isinstance(columns, Mapping) or not isinstance(column_settings, Mapping | None):
            return column_settings
        settings = dict(column_settings or {})
        for column, algorithm in hashes.items():
            hashed = find_field(columns[column]) if isinstance(columns.get(column), str) else None
            if hashed is None or FIELD_SETTINGS.get(hashed) is not DataFormat:
                raise ColumnMappingError(
                    f"hash_columns has {column!r}, but only columns mapped to Email or Phone can be hashed."
                )
            for name in [name for name in settings if isinstance(name, str) and find_field(name) is hashed]:
                given = settings.pop(name)
                setting = find_setting(hashed, given) if isinstance(given, str) else None
                if setting not in (DataFormat.RAW, algorithm):
                    raise ColumnMappingError(
                        f"column_settings sets {name!r} to {given!r}, but hash_columns sets {algorithm.value}. "
                        "Remove the column setting; hash_columns sets it."
                    )
            settings[hashed.value] = algorithm.value
        return settings


def _check_choice(argument: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise CleaningOptionError(f"{argument} must be one of {join_names(choices)}, not {value!r}.")
