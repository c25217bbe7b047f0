"""A dataset that a task created, for its lineage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_iqm.api.replacement.execution import Replacement


@dataclass(frozen=True, kw_only=True)
class LineageOutput:
    """
    A dataset that a task created from a list, or an audience that it put in place.

    :param name: The audience's name, or the part's path or URL.
    :param version: The audience's id.
    :param records: The number of records.
    :param size: The size in bytes.
    :param replacement: What the audience replaced in campaigns; None if it didn't replace any.
    """

    name: str
    version: int | None = None
    records: int | None = None
    size: int | None = None
    replacement: Replacement | None = None
