"""Matched audiences: new ones to upload, and what IQM reports about existing ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

MATCHED_AUDIENCE_TYPE = 1
"""The ``audienceTypeId`` of matched audiences."""

MAX_ID = 2**53 - 1
"""The largest integer that JSON represents exactly in every language."""

LAST_SECOND = 99_999_999_999
"""Larger timestamps are in milliseconds: in seconds, they would be after the year 5138."""


@dataclass(frozen=True, kw_only=True)
class AudienceOptions:
    """
    Options of an audience that only some accounts need (v3 only).

    :param subtype: The audience's subtype in healthcare: ``hcp``, ``npi_nurse``, ``non_npi_nurse``, ``patient``.
    :param consent_given: Whether the patients have given their consent.
    :param vertical_id: The vertical, if the account has several.
    """

    subtype: str | None = None
    consent_given: bool | None = None
    vertical_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewAudience:
    """
    An audience to upload, in terms of no particular API version.

    :param name: The audience's name.
    :param columns: The mapping, file column → IQM system field.
    :param settings: IQM system field → data format or data partner.
    :param key_fields: The system fields that IQM matches by.
    :param single_column: Whether the mapping's key is a single column.
    :param file_name: The file name in the upload.
    :param media_type: The file's media type.
    :param file_bytes: The file's size in bytes.
    :param file_columns: All columns of the file, in order.
    :param samples: The first values of each column.
    :param records: The exact number of records, without the header.
    :param options: Options that only some accounts need.
    """

    name: str
    columns: Mapping[str, str]
    settings: Mapping[str, str]
    key_fields: Sequence[str]
    single_column: bool
    file_name: str
    media_type: str
    file_bytes: int
    file_columns: Sequence[str] = field(repr=False)
    samples: Mapping[str, Sequence[str]] = field(repr=False)
    records: int
    options: AudienceOptions = field(default_factory=AudienceOptions)


class ReadyAudience(TypedDict):
    """
    The details of an audience that a task returns.

    ``status`` is a value of :class:`~airflow_provider_iqm.vocabulary.AudienceStatus`, or IQM's own word if it is
    undocumented. ``match_rate`` is in percent, ``uniques`` is the reach in users, ``records`` is the number of records
    in the file. Values that IQM leaves out are None.
    """

    id: int
    name: str
    status: str
    match_rate: float | None
    uniques: int | None
    records: int | None
    data_cost: float | None


class MatchedAudience(ReadyAudience):
    """
    IQM's details of an audience, independent of the API version.

    ``reason`` is why it failed or was rejected, ``file_names`` are IQM's names of its file, ``created`` is the time of
    its creation in seconds since 1970. The samples of the file's values, which IQM returns, are left out.
    """

    reason: str | None
    file_names: list[str]
    created: float | None


def read_audience_id(value: object) -> int:
    """
    Parse an audience's id: a positive integer, or its digits.

    :raises ValueError: The value is anything else, such as ``true``, ``1.9`` or ``-5``.
    """
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_ID)):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ID:
        raise ValueError("not the id of an audience")
    return value


def read_moment(value: object) -> float | None:
    """
    Parse a timestamp, and return it in seconds since 1970; None if it is missing or invalid.

    IQM returns seconds in some calls and milliseconds in others.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < MAX_ID:
        return None
    return value / 1000 if value > LAST_SECOND else float(value)


def ready_part(audience: ReadyAudience) -> ReadyAudience:
    """
    Return the details of an audience that a task returns.

    :param audience: The audience.
    """
    return ReadyAudience(
        id=audience["id"],
        name=audience["name"],
        status=audience["status"],
        match_rate=audience["match_rate"],
        uniques=audience["uniques"],
        records=audience["records"],
        data_cost=audience["data_cost"],
    )


class DeletedAudiences(TypedDict):
    """The audiences that were deleted, and those that weren't (campaigns use them, for example)."""

    deleted: list[int]
    failed: list[int]


def read_deletion(requested: Sequence[int], deleted: Iterable[int]) -> DeletedAudiences:
    """
    Return the result of a deletion; an audience that IQM doesn't report as deleted counts as failed.

    :param requested: The audiences to delete.
    :param deleted: Those that IQM reports as deleted.
    """
    ids, done = list(dict.fromkeys(requested)), set(deleted)
    return DeletedAudiences(
        deleted=[audience_id for audience_id in ids if audience_id in done],
        failed=[audience_id for audience_id in ids if audience_id not in done],
    )


class AudienceField(TypedDict):
    """An entry of the account's static lists: IQM's id, the system name, and the label."""

    id: int
    name: str
    label: str
