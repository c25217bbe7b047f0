"""What goes into a matched audience, and what IQM says of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

MATCHED_AUDIENCE_TYPE = 1
"""The ``audienceTypeId`` of matched audiences."""

MAX_ID = 2**53 - 1
"""The largest number that JSON carries exactly in every language."""

LAST_SECOND = 99_999_999_999
"""A moment above it is in milliseconds: in seconds, it would be in the year 5138."""


@dataclass(frozen=True, kw_only=True)
class AudienceOptions:
    """
    What some accounts need to know of an audience; only v3 of the API takes it.

    :param subtype: The audience's subtype in healthcare: ``hcp``, ``npi_nurse``, ``non_npi_nurse``, ``patient``.
    :param consent_given: Whether the patients have given their consent.
    :param vertical_id: The vertical, where the account has several.
    """

    subtype: str | None = None
    consent_given: bool | None = None
    vertical_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewAudience:
    """
    An audience to upload, as every dialect of the API needs it.

    :param name: The audience's name.
    :param columns: The mapping, file column → IQM system field.
    :param settings: IQM system field → data format or data partner.
    :param key_fields: The system fields by which IQM is to match.
    :param single_column: Whether the mapping's key is a single column.
    :param file_name: The name under which the file goes out.
    :param media_type: The file's media type.
    :param file_bytes: The file's size in bytes.
    :param file_columns: All columns of the file, in order.
    :param samples: The first values of each column.
    :param records: The exact number of records, the header not counted.
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
    What a task hands on of an audience that campaigns can target.

    ``status`` is one of :class:`~airflow_provider_iqm.vocabulary.AudienceStatus` in that spelling, or IQM's own word
    where it is none of these. ``match_rate`` is in percent, ``uniques`` is the reach in users, ``records`` is what the
    file held; what IQM leaves out is ``None``.
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
    What IQM says of an audience, in words that don't depend on the API's version.

    ``reason`` is why it failed or was rejected, ``file_names`` are the names that IQM gives its file, ``created`` is
    when it was made, in seconds since 1970. The samples of the file's values, which IQM repeats in its answer, are
    left out.
    """

    reason: str | None
    file_names: list[str]
    created: float | None


def read_audience_id(value: object) -> int:
    """
    Read an audience's id: a number above 0, or its digits.

    :raises ValueError: It is anything else, such as ``true``, ``1.9`` or ``-5``.
    """
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_ID)):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ID:
        raise ValueError("no id of an audience")
    return value


def read_moment(value: object) -> float | None:
    """
    Read when something happened, in seconds since 1970; ``None`` where that isn't told.

    IQM gives seconds in some calls and milliseconds in others.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < MAX_ID:
        return None
    return value / 1000 if value > LAST_SECOND else float(value)


def ready_part(audience: ReadyAudience) -> ReadyAudience:
    """
    Return what a task hands on of an audience that is ready.

    :param audience: What IQM says of it.
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
    """Which ids a delete removed, and which IQM kept (an audience in a campaign can't be deleted)."""

    deleted: list[int]
    failed: list[int]


def read_deletion(asked: Sequence[int], deleted: Iterable[int]) -> DeletedAudiences:
    """
    Return the result of a delete; an audience that IQM doesn't report as deleted counts as kept.

    :param asked: The audiences to delete.
    :param deleted: Those that IQM reports as deleted.
    """
    ids, gone = list(dict.fromkeys(asked)), set(deleted)
    return DeletedAudiences(
        deleted=[audience_id for audience_id in ids if audience_id in gone],
        failed=[audience_id for audience_id in ids if audience_id not in gone],
    )


class AudienceField(TypedDict):
    """An entry of the account's static lists: IQM's id, the system name, and the label that people see."""

    id: int
    name: str
    label: str
