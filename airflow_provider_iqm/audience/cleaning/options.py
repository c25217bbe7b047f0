"""What a user may ask to have done to a list before it goes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, get_args

from airflow_provider_iqm.audience.duckdb.csv_queries import DEFAULT_MEMORY_LIMIT
from airflow_provider_iqm.audience.mapping.field_names import find_field, find_setting, listed
from airflow_provider_iqm.audience.mapping.json_text import parse_mapping
from airflow_provider_iqm.exceptions import CleaningOptionError, ColumnMappingError
from airflow_provider_iqm.vocabulary import FIELD_SETTINGS, DataFormat

_MEMORY = re.compile(r"\d{1,12}(?:\.\d{1,9})? ?(?:[kmgt](?:i?b)?|%)", re.IGNORECASE)
"""What DuckDB takes for an amount of memory."""

PhoneFormat = Literal["10-digit", "E.164"]
OnInvalidRecords = Literal["drop", "fail"]

HASH_LENGTHS = {DataFormat.MD5: 32, DataFormat.SHA1: 40, DataFormat.SHA256: 64, DataFormat.SHA512: 128}
"""How many hexadecimal digits each hash has."""


class CleaningOptions(TypedDict, total=False):
    """The arguments of :class:`Cleaning`, for signatures that hand them on."""

    normalize: bool
    phone_format: PhoneFormat
    hash_columns: Mapping[str, str] | str | None
    on_invalid_records: OnInvalidRecords | None
    quarantine_path: str | Path | None
    max_invalid_ratio: float
    drop_duplicates: bool
    scratch_dir: str | Path | None
    memory_limit: str


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """
    What is to be done to a list. A file that nothing is asked of goes out as it is.

    :param normalize: Write each mapped column's values in the form that is published for its field.
    :param phone_format: The form of a normalised phone: ``10-digit``, or ``E.164``.
    :param hash_columns: File column → MD5, SHA1, SHA256 or SHA512: normalise and hash it, and set its column setting;
        also a JSON object as text.
    :param on_invalid_records: ``drop`` leaves out records that can't match, ``fail`` refuses the list for one.
        Without it, a list that is cleaned for another reason drops them.
    :param quarantine_path: A file that receives the number, the column and the reason of each record left out.
    :param max_invalid_ratio: The share of records left out, from 0 to 1, above which the list as a whole is refused.
    :param drop_duplicates: Keep only the first of the records whose mapped, normalised values are all the same.
    :param scratch_dir: Where copies live while they are uploaded; without it, the system's temporary folder.
    :param memory_limit: How much memory the cleaning may use, such as ``256MiB``.
    :raises CleaningOptionError: One of them can't be used.
    """

    normalize: bool = False
    phone_format: PhoneFormat = "10-digit"
    hash_columns: Mapping[str, str] | str | None = field(default=None)
    on_invalid_records: OnInvalidRecords | None = None
    quarantine_path: str | Path | None = None
    max_invalid_ratio: float = 0.1
    drop_duplicates: bool = False
    scratch_dir: str | Path | None = None
    memory_limit: str = DEFAULT_MEMORY_LIMIT

    def __post_init__(self) -> None:
        """Check what can be checked without the file."""
        _check_choice("phone_format", self.phone_format, get_args(PhoneFormat))
        if self.on_invalid_records is not None:
            _check_choice("on_invalid_records", self.on_invalid_records, get_args(OnInvalidRecords))
        ratio: object = self.max_invalid_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
            raise CleaningOptionError(f"max_invalid_ratio must be a number from 0 to 1, but it is {ratio!r}.")
        limit: object = self.memory_limit
        if not isinstance(limit, str) or not _MEMORY.fullmatch(limit):
            raise CleaningOptionError(f"memory_limit is {limit!r}. It must be an amount of memory such as '512MiB'.")
        hashes = parse_mapping(
            self.hash_columns, error=ColumnMappingError, argument="hash_columns", example='{"email": "SHA256"}'
        )
        object.__setattr__(self, "hash_columns", hashes)

    @property
    def asked(self) -> bool:
        """Whether anything is asked for that needs a cleaned copy."""
        wishes = (self.normalize, self.hash_columns, self.on_invalid_records, self.drop_duplicates)
        return any(wishes) or self.quarantine_path is not None

    def hashes(self) -> dict[str, DataFormat]:
        """
        Tell each column's hash: file column → format.

        :raises ColumnMappingError: ``hash_columns`` isn't a mapping of columns to hashes.
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
                    f"hash_columns sets {column!r} to {name!r}. The possible values are: {listed(list(known))}."
                )
            found[column] = algorithm
        return found

    def settings(
        self, columns: Mapping[str, str], column_settings: Mapping[str, str] | None
    ) -> Mapping[str, str] | None:
        """
        Set the column settings of the columns that will be hashed: IQM field → setting.

        ``Raw`` says what the file holds, and gives way; another hash than the one asked for is a contradiction.

        :param columns: File column → IQM field, as the user wrote it.
        :param column_settings: IQM field → setting, as the user wrote it.
        :raises ColumnMappingError: A column can't be hashed, or not in this way.
        """
        hashes = self.hashes()
        if not hashes or not isinstance(columns, Mapping) or not isinstance(column_settings, Mapping | None):
            return column_settings
        settings = dict(column_settings or {})
        for column, algorithm in hashes.items():
            hashed = find_field(columns[column]) if isinstance(columns.get(column), str) else None
            if hashed is None or FIELD_SETTINGS.get(hashed) is not DataFormat:
                raise ColumnMappingError(
                    f"hash_columns has {column!r}, but only a column that is mapped to Email or Phone can be hashed."
                )
            for name in [name for name in settings if isinstance(name, str) and find_field(name) is hashed]:
                given = settings.pop(name)
                setting = find_setting(hashed, given) if isinstance(given, str) else None
                if setting not in (DataFormat.RAW, algorithm):
                    raise ColumnMappingError(
                        f"column_settings sets {name!r} to {given!r}, but hash_columns asks for {algorithm.value}. "
                        "Remove the column setting: hashing sets it."
                    )
            settings[hashed.value] = algorithm.value
        return settings


def _check_choice(argument: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise CleaningOptionError(f"{argument} is {value!r}. The possible values are: {listed(choices)}.")
