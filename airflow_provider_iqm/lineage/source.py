"""The source of a list, in OpenLineage's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import JobFacet

Origin = tuple[str, str, str]
"""A column: namespace of the dataset, name of the dataset, name of the column."""


@dataclass(frozen=True)
class LineageSource:
    """
    The datasets that a list is read from.

    :param inputs: The datasets.
    :param origins: Column of the list → its source columns; columns that can't be traced are missing.
    :param job_facets: The job facets, such as the query.
    """

    inputs: Sequence[InputDataset] = ()
    origins: Mapping[str, Sequence[Origin]] = field(default_factory=dict)
    job_facets: Mapping[str, JobFacet] = field(default_factory=dict)
